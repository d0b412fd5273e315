/** Laws of the codecs: what is written is read back, and no bytes make them fail in any other way than an AppError. */
import { assert } from 'chai';
import fc from 'fast-check';
import { type Run } from '../../shared/domain/extent-map.ts';
import { decodeDeviceHeader } from '../../shared/format/device-header.ts';
import { DiskIndexBuilder } from '../../shared/format/disk-index-builder.ts';
import { decodeDiskIndex, encodeDiskIndex } from '../../shared/format/disk-index-codec.ts';
import { type DiskIndex, cellSpans } from '../../shared/format/disk-index.ts';
import { chunkIdOf } from '../../shared/format/hash.ts';
import { decodeManifest, encodeManifest } from '../../shared/format/manifest.ts';
import { decodePackFooter } from '../../shared/format/pack-directory.ts';
import { decodeChunkHeader, decodePackHeader, findChunkHeader } from '../../shared/format/pack.ts';
import { codeOf } from '../unit/format/codes.ts';
import { PACK_ID, aDiskIndex, aManifest } from '../unit/format/samples.ts';

const anyRuns = fc.array(
  fc.record({
    kind: fc.constantFrom<Run['kind']>('data', 'zero', 'free', 'same'),
    length: fc.integer({ min: 1, max: 20_000 }),
  }),
  { maxLength: 30 },
);
const anyPackId = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((b) => Buffer.from(b).toString('hex'));

function indexOf(lengths: readonly Pick<Run, 'kind' | 'length'>[], packIds: readonly string[]): DiskIndex {
  let start = 0;
  const runs = lengths.map(({ kind, length }) => ({ kind, start: (start += length) - length, length }));
  const builder = new DiskIndexBuilder(start, 4096);
  for (const span of [...cellSpans({ capacityBytes: start, runs }, 4096)].reverse()) {
    const packId = packIds[span.start % packIds.length]!;
    const id = chunkIdOf(Buffer.from(String(span.start)));
    builder.add({
      start: span.start,
      plainLength: span.length,
      id,
      packId,
      offset: 44 + span.start,
      storedLength: 7,
    });
  }
  return builder.finish(runs);
}

describe('device format', () => {
  it('gives back every disk index', () => {
    fc.assert(
      fc.property(anyRuns, fc.array(anyPackId, { minLength: 1, maxLength: 4 }), (runs, packIds) => {
        const index = indexOf(runs, packIds);
        const back = decodeDiskIndex(Buffer.concat(encodeDiskIndex(index)), 'index');
        assert.deepEqual({ ...back, refs: [...back.refs] }, { ...index, refs: [...index.refs] });
      }),
    );
  });

  it('gives back every manifest', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), fc.string({ unit: 'binary' }), (jobName, runId, message) => {
        const manifest = aManifest({
          jobName,
          runId: runId + 1,
          warnings: [{ code: 'CBT_UNAVAILABLE', message }],
        });
        assert.deepEqual(decodeManifest(encodeManifest(manifest), 'manifest'), manifest);
      }),
    );
  });

  it('ends every decoder with a value or an AppError, whatever the bytes', () => {
    const index = Buffer.concat(encodeDiskIndex(aDiskIndex()));
    const edits = fc.array(fc.tuple(fc.nat(index.length - 1), fc.nat(255)), { maxLength: 8 });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), edits, (bytes, changes) => {
        const edited = Buffer.from(index);
        for (const [at, value] of changes) edited[at] = value;
        for (const input of [bytes, edited]) {
          codeOf(() => decodeDiskIndex(input, 'index'));
          codeOf(() => decodePackHeader(input, 'pack'));
          codeOf(() => decodeChunkHeader(input, 'record'));
          codeOf(() => decodePackFooter(input, { packId: PACK_ID, lengthBytes: input.length }));
          codeOf(() => decodeManifest(input, 'manifest'));
          codeOf(() => decodeDeviceHeader(input, 'header'));
          findChunkHeader(input, 0);
        }
      }),
    );
  });
});
