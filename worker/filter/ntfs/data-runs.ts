/**
 * Data runs: where the clusters of a non-resident attribute lie.
 *
 *   u8      low nibble: bytes of the length; high nibble: bytes of the offset; 00 ends the list
 *   length  in clusters, unsigned; more than zero
 *   offset  first LCN relative to that of the last run with a place, signed; without it the run is a hole
 *
 * Source: docs/format/ntfs.md, section 4.
 */
import { ntfsDamage } from './units.ts';

export interface ClusterRun {
  /** First cluster on the volume, or null for a hole, which reads as zeros. */
  readonly lcn: number | null;
  readonly clusters: number;
}

const MAX_FIELD_BYTES = 8;

/**
 * Decodes the list at the start of `bytes`, which lies at `at` on the disk, of a volume with `volumeClusters`.
 * @throws AppError `FS_STRUCTURE_INVALID` for a run without length, outside the volume, or a list without an end
 */
export function decodeDataRuns(bytes: Uint8Array, at: number, volumeClusters: number): ClusterRun[] {
  const runs: ClusterRun[] = [];
  let position = 0;
  let previous = 0;
  for (;;) {
    const header = bytes[position];
    if (header === undefined) throw ntfsDamage('data run', 'the list has no end', at + position);
    if (header === 0) return runs;
    const lengthField = header & 0x0f;
    const offsetField = header >> 4;
    const fault = (problem: string): Error => ntfsDamage('data run', problem, at + position);
    const next = position + 1 + lengthField + offsetField;
    if (Math.max(lengthField, offsetField) > MAX_FIELD_BYTES || next > bytes.length) {
      throw fault('its fields do not fit');
    }
    const clusters = Number(readUnsigned(bytes, position + 1, lengthField));
    if (clusters === 0 || !Number.isSafeInteger(clusters)) throw fault('it has no possible length');
    if (offsetField > 0) {
      previous += Number(readSigned(bytes, position + 1 + lengthField, offsetField));
      if (!(previous >= 0 && clusters <= volumeClusters - previous)) throw fault('it leaves the volume');
    }
    runs.push({ lcn: offsetField === 0 ? null : previous, clusters });
    position = next;
  }
}

function readUnsigned(bytes: Uint8Array, offset: number, lengthBytes: number): bigint {
  let value = 0n;
  for (let i = lengthBytes - 1; i >= 0; i--) value = value * 256n + BigInt(bytes[offset + i] ?? 0);
  return value;
}

function readSigned(bytes: Uint8Array, offset: number, lengthBytes: number): bigint {
  return BigInt.asIntN(8 * lengthBytes, readUnsigned(bytes, offset, lengthBytes));
}
