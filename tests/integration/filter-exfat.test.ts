/**
 * The filter over exFAT volumes, held to exfatprogs and partclone: ones that mkfs.exfat makes here, and public images, some of them
 * written by Windows. What is dropped is then overwritten, and fsck.exfat does not notice. Cases whose programs or images are missing
 * say so and are skipped.
 */
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { assert } from 'chai';
import { type ExtentSet, complement, intersect, shift, totalLength } from '../../shared/domain/extent.ts';
import { type ActiveBlocks, mapActiveBlocks } from '../../worker/filter/active-blocks.ts';
import { keepAllOptions } from '../support/filter-options.ts';
import { openImage } from '../support/image-reader.ts';
import { extractVolume, hasProgram, runProgram } from '../support/ntfs-oracle.ts';
import { unpackImage, whyNoImage } from '../support/public-image.ts';
import { tempFolder } from '../support/temp.ts';
import { loadVolume } from '../support/volume-fixture.ts';
import { usedByPartclone } from '../support/xfs-oracle.ts';

async function mapFile(file: string): Promise<ActiveBlocks> {
  await using reader = await openImage(file);
  return await mapActiveBlocks(reader, keepAllOptions, new AbortController().signal);
}

function overwrite(file: string, extents: ExtentSet): void {
  const target = openSync(file, 'r+');
  for (const { start, length } of extents)
    writeSync(target, Buffer.alloc(length, 'dropped!'), 0, length, start);
  closeSync(target);
}

/** Checks what is dropped of the volume in `file`, which it spoils. */
function checkDropped(file: string, dropped: ExtentSet): void {
  assert.isAbove(totalLength(dropped), 0);
  if (hasProgram('partclone.exfat')) {
    assert.deepEqual(intersect(usedByPartclone('partclone.exfat', file), dropped), []);
  }
  overwrite(file, dropped);
  runProgram('fsck.exfat', ['-n', file]);
}

describe('mapActiveBlocks over exFAT', function () {
  this.timeout(120_000);

  before(function () {
    const missing = ['mkfs.exfat', 'fsck.exfat', 'xz'].filter((name) => !hasProgram(name));
    if (missing.length === 0) return;
    console.log(`    skipped: ${missing.join(', ')} is not installed`);
    this.skip();
  });

  for (const clusterBytes of ['512', '4096', '128K', '1M']) {
    it(`drops the free clusters of ${clusterBytes} bytes`, async () => {
      await using folder = await tempFolder();
      const file = folder.file('volume');
      runProgram('truncate', ['-s', '40M', file]);
      runProgram('mkfs.exfat', ['-c', clusterBytes, file]);
      const { keep, volumes } = await mapFile(file);
      assert.isNull(volumes[0]!.gate);
      checkDropped(file, complement(keep, 40 * 1024 * 1024));
    });
  }

  it('loses nothing of a volume with files', async () => {
    await using folder = await tempFolder();
    const file = folder.file('volume');
    const { bytes } = loadVolume('exfat');
    writeFileSync(file, bytes);
    checkDropped(file, complement((await mapFile(file)).keep, bytes.length));
  });

  for (const [name, gate] of [
    ['blkid-exfat.img.xz', null],
    ['exfat_lin_part.raw.xz', null],
    ['exfat_orphan.raw.xz', null],
    ['exfat_win.raw.xz', null],
    // The checksum of its boot region does not match.
    ['win_exfat_7.raw.xz', 'structure-invalid'],
  ] as const) {
    it(`maps ${name}: ${gate ?? 'filtered'}`, async function () {
      const reason = whyNoImage(name);
      if (reason !== null) {
        console.log(`      skipped: ${reason}`);
        this.skip();
      }
      await using folder = await tempFolder();
      const file = unpackImage(name, folder.path);
      const { keep, volumes } = await mapFile(file);
      const { startBytes, lengthBytes, gate: found } = volumes[0]!;
      assert.equal(found, gate);
      if (gate !== null) return;
      using volume = extractVolume(file, { start: startBytes, length: lengthBytes });
      const dropped = complement(keep, startBytes + lengthBytes);
      assert.deepEqual(intersect(dropped, [{ start: startBytes, length: lengthBytes }]), dropped);
      if (!hasProgram('partclone.exfat')) return;
      const used = usedByPartclone('partclone.exfat', volume.path);
      assert.deepEqual(intersect(used, shift(dropped, -startBytes)), []);
    });
  }
});
