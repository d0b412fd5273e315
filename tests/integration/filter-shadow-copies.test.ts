/**
 * Shadow copies of real Windows volumes, read by libvshadow: with a pattern over all that the filter drops, no cluster of any copy
 * changes; with the job option that gives them up, some do. The images lie in ../shared/images; without them, or without
 * libvshadow, the cases say so and are skipped.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert } from 'chai';
import { complement, cutOut } from '../../shared/domain/extent.ts';
import { type ActiveBlocks, mapActiveBlocks } from '../../worker/filter/active-blocks.ts';
import { type VolumeReport } from '../../worker/filter/examine-volume.ts';
import { keepAllOptions } from '../support/filter-options.ts';
import { openImage } from '../support/image-reader.ts';
import { runProgram } from '../support/ntfs-oracle.ts';
import { type TempFolder, tempFolder } from '../support/temp.ts';

const IMAGES = fileURLToPath(new URL('../../../shared/images/', import.meta.url));
const SCRIPT = fileURLToPath(new URL('../support/shadow-copies.py', import.meta.url));
const PYTHON = '/usr/bin/python3';
const CLUSTER_BYTES = 4096;

interface Expected {
  readonly packed: string;
  readonly member: string;
  /** Clusters kept for shadow copies, of each volume: what another program found by the same rule. */
  readonly keptClusters: readonly number[];
  /** Shadow copies of each volume that libvshadow can read from it alone. */
  readonly copies: readonly number[];
  /** Clusters of all copies that break without them. */
  readonly broken: number;
}

const images: readonly Expected[] = [
  { packed: 'plaso-vsstest.raw.xz', member: 'image.raw', keptClusters: [20], copies: [2], broken: 1 },
  { packed: 'ntfs.tar.xz', member: 'ntfs.raw', keptClusters: [6919], copies: [2], broken: 6908 },
  { packed: 'vss_2003.tar.xz', member: 'vss_2003.raw', keptClusters: [132], copies: [6], broken: 104 },
  { packed: 'vss_2_stor.tar.xz', member: 'vss_2_stor.raw', keptClusters: [15], copies: [1], broken: 0 },
];

function unpack({ packed, member }: Expected, folder: TempFolder): string {
  const source = path.join(IMAGES, packed);
  const target = folder.file(member);
  if (packed.includes('.tar.')) runProgram('tar', ['-xJSf', source, '-C', folder.path]);
  else runProgram('sh', ['-c', 'xz -dc "$1" | cp --sparse=always /dev/stdin "$2"', 'sh', source, target]);
  return target;
}

async function mapImage(file: string, dropShadowCopies: boolean): Promise<ActiveBlocks> {
  await using reader = await openImage(file);
  return await mapActiveBlocks(reader, { ...keepAllOptions, dropShadowCopies }, new AbortController().signal);
}

interface CopyRead {
  readonly clusters: number;
  readonly changed: number;
}

/** What libvshadow reads of each copy of the volume with the dropped ranges overwritten. */
function readCopies(
  file: string,
  active: ActiveBlocks,
  volume: VolumeReport,
  folder: TempFolder,
): CopyRead[] {
  const { startBytes: start, lengthBytes: length } = volume;
  const dropped = cutOut(complement(active.keep, statSync(file).size), { start, length });
  const list = folder.file('dropped.json');
  writeFileSync(list, JSON.stringify(dropped.map((extent) => [extent.start, extent.length])));
  const output = runProgram(PYTHON, [SCRIPT, file, String(start), String(length), list]).toString();
  return output.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as CopyRead]));
}

describe('shadow copies of the guest, read by libvshadow', function () {
  this.timeout(180_000);

  before(function () {
    const hasOracle = spawnSync(PYTHON, ['-c', 'import pyvshadow']).status === 0;
    if (existsSync(IMAGES) && hasOracle) return;
    console.log(
      `    skipped: ${hasOracle ? 'the folder ../shared/images' : 'python3-libvshadow'} is not there`,
    );
    this.skip();
  });

  for (const image of images) {
    it(`keeps all of them readable in ${image.packed}, and breaks ${image.broken} clusters when told to`, async () => {
      await using folder = await tempFolder();
      const file = unpack(image, folder);
      const kept = await mapImage(file, false);
      const volumes = kept.volumes.filter(({ fileSystem }) => fileSystem === 'NTFS');
      assert.deepEqual(
        volumes.map((volume) => (volume.kept[0]?.bytes ?? 0) / CLUSTER_BYTES),
        [...image.keptClusters],
      );
      const dropped = await mapImage(file, true);
      assert.deepEqual(
        dropped.warnings.map(({ code }) => code),
        ['FILTER_SHADOW_COPIES_DROPPED'],
      );
      let broken = 0;
      for (const [index, volume] of volumes.entries()) {
        const copies = readCopies(file, kept, volume, folder);
        assert.lengthOf(copies, image.copies[index]!);
        for (const copy of copies) {
          assert.isAbove(copy.clusters, 1000);
          assert.equal(copy.changed, 0);
        }
        for (const copy of readCopies(file, dropped, volume, folder)) broken += copy.changed;
      }
      assert.equal(broken, image.broken);
    });
  }
});
