/**
 * Every cluster that a file uses: the runs of all records of the MFT that are in use, those that extend others included. The MFT
 * is read from its start to its end in large pieces; nothing of it is held.
 *
 * Only asked of a volume whose log is open: there, a record that cannot be read may be the one that matters.
 */
import { MiB } from '../../../shared/base/units.ts';
import { type ExtentSet } from '../../../shared/domain/extent.ts';
import { createKeptRuns } from '../kept-runs.ts';
import { decodeFileRecord } from './file-record.ts';
import { type Mft } from './mft.ts';
import { createRunScanner } from './run-scanner.ts';
import { placeOf, readStream } from './stream.ts';

/** What is read of the MFT at once. */
export const MFT_READ_BYTES = 4 * MiB;
/** Of a record: where the magic and the flags lie, both before the first fix-up. */
const FLAGS_OFFSET = 22;
const IN_USE = 1;

/**
 * The clusters of all files, as far as they touch `free`.
 * @throws AppError `FS_STRUCTURE_INVALID` for a record that is torn, marked bad, or contradicts itself
 */
export async function clustersOfFiles(mft: Mft, free: ExtentSet): Promise<ExtentSet> {
  const { volume, content } = mft;
  const { recordBytes, clusters } = volume.boot;
  const total = recordsIn(mft) * recordBytes;
  const kept = createKeptRuns(free);
  const scanner = createRunScanner(recordBytes, clusters, kept.add);
  const buffer = new Uint8Array(Math.min(MFT_READ_BYTES, total));
  for (let start = 0; start < total; start += buffer.length) {
    const piece = buffer.subarray(0, Math.min(buffer.length, total - start));
    await readStream(volume, content, start, piece);
    for (let inPiece = 0; inPiece < piece.length; inPiece += recordBytes) {
      const raw = piece.subarray(inPiece, inPiece + recordBytes);
      if (!isUnused(raw) && !scanner.scan(raw)) addChecked(mft, start + inPiece, raw, kept.add);
    }
  }
  return kept.list();
}

/** Records of the MFT that were ever written, in use or not. */
export function recordsIn({ volume, content }: Mft): number {
  return Math.floor(Math.min(content.sizeBytes, content.initialisedBytes) / volume.boot.recordBytes);
}

/** The same for a record that is not a plain one, with all checks. */
function addChecked(
  { volume, content }: Mft,
  offset: number,
  raw: Uint8Array,
  add: (start: number, end: number) => void,
): void {
  const { recordBytes, clusters: volumeClusters } = volume.boot;
  const at = placeOf(volume, content, offset);
  const record = decodeFileRecord(raw, { number: offset / recordBytes, at, volumeClusters });
  for (const attribute of record.attributes) {
    if (attribute.kind !== 'non-resident') continue;
    for (const { lcn, clusters } of attribute.runs) if (lcn !== null) add(lcn, lcn + clusters);
  }
}

/** Never written, or a record whose start says so; anything else is decoded, and refused if it is nothing. */
export function isUnused(raw: Uint8Array): boolean {
  const isRecord = raw[0] === 0x46 && raw[1] === 0x49 && raw[2] === 0x4c && raw[3] === 0x45;
  if (isRecord) return ((raw[FLAGS_OFFSET] ?? 0) & IN_USE) === 0;
  return raw.every((byte) => byte === 0);
}
