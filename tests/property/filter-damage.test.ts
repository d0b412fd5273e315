/**
 * The filter on a disk with a few bytes changed in its tables, records and log: it answers, and keeps at least what it keeps of the
 * sound disk. The law does not hold for any change — one that clears bits of $Bitmap frees clusters in perfect form — so the
 * content of $Bitmap is left alone, and the changes come from fixed seeds.
 */
import { assert } from 'chai';
import { totalLength, subtract } from '../../shared/domain/extent.ts';
import { type ActiveBlocks, mapActiveBlocks } from '../../worker/filter/active-blocks.ts';
import { keepAllOptions } from '../support/filter-options.ts';
import { type Overlay, readerOf } from '../support/image-reader.ts';
import { restartPage } from '../support/ntfs-bytes.ts';
import { type LogWrite, logWriter } from '../support/ntfs-log.ts';
import { type DiskInMemory, diskInMemory } from '../support/ntfs-volume.ts';
import { seededRandom } from '../support/seeded-random.ts';

const ROUNDS = 100;
const RECORDS = [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11];

interface Region {
  readonly at: number;
  readonly lengthBytes: number;
}

function regionsOf(disk: DiskInMemory): Region[] {
  return [
    { at: 440, lengthBytes: 72 },
    { at: disk.volumeAt, lengthBytes: 90 },
    { at: disk.volumeAt + 0x1e00, lengthBytes: 64 },
    { at: disk.contentAt(2), lengthBytes: 128 },
    { at: disk.contentAt(2) + 4096, lengthBytes: 128 },
    { at: disk.contentAt(2) + 4 * 4096, lengthBytes: 1024 },
    ...RECORDS.map((number) => ({ at: disk.recordAt(number), lengthBytes: 512 })),
  ];
}

const interesting = [0x00, 0x01, 0x7f, 0x80, 0xff];

function damage(regions: readonly Region[], below: (limit: number) => number): Overlay[] {
  return Array.from({ length: 1 + below(4) }, () => {
    const { at, lengthBytes } = regions[below(regions.length)]!;
    const bytes = Uint8Array.from({ length: 1 + below(3) }, () =>
      below(2) === 0 ? interesting[below(interesting.length)]! : below(256),
    );
    return { at: at + below(lengthBytes - bytes.length), bytes };
  });
}

const logs: readonly (readonly [string, () => LogWrite[]])[] = [
  ['a log at rest', () => [{ at: 0, bytes: Buffer.concat([restartPage(), restartPage()]) }]],
  [
    'an open log',
    () => {
      const log = logWriter({ version: [1, 1], logBytes: 64 * 1024 });
      for (let count = 0; count < 40; count++) log.append(Buffer.alloc(200));
      const oldest = log.next();
      return [...log.checkpoint(oldest), ...log.checkpoint(oldest)];
    },
  ],
];

describe('mapActiveBlocks on damaged disks', function () {
  this.timeout(60_000);

  for (const [name, state] of [
    ['win-64k', 'before'],
    ['win-two', 'before'],
    ['win-gpt', 'before'],
  ] as const) {
    for (const [log, logOf] of logs) {
      it(`answers and keeps no less than of the sound ${name} with ${log}`, async () => {
        const disk = await diskInMemory(name, state);
        const pages = logOf().map(({ at, bytes }) => ({ at: disk.contentAt(2) + at, bytes }));
        const map = (overlays: readonly Overlay[]): Promise<ActiveBlocks> =>
          mapActiveBlocks(
            readerOf(disk.bytes, [...pages, ...overlays]),
            keepAllOptions,
            new AbortController().signal,
          );
        const sound = await map([]);
        assert.notEqual(sound.state, 'unfiltered');
        const regions = regionsOf(disk);
        let stillFiltered = 0;
        for (let seed = 1; seed <= ROUNDS; seed++) {
          const active = await map(damage(regions, seededRandom(seed)));
          const lost = totalLength(subtract(sound.keep, active.keep));
          assert.equal(lost, 0, `seed ${seed} drops ${lost} bytes more`);
          if (active.state !== 'unfiltered') stillFiltered++;
        }
        assert.isAbove(stillFiltered, 0);
        assert.isBelow(stillFiltered, ROUNDS);
      });
    }
  }
});
