/**
 * Swap space of Linux: memory that a machine had put aside. A restored machine boots anew and has no use for it, so nothing stays
 * but the header. A hibernated machine needs all of it: it has put its own signature in the place of the usual one.
 *
 *   1024 u32 version, 1    1028 u32 last page    1032 u32 bad pages, their numbers from 1536 on    1052 label, 16 bytes
 *
 * Source: docs/format/linux.md, section 1.
 */
import { KiB } from '../../../shared/base/units.ts';
import { type Complain, type Fields, fieldsOf } from '../fields.ts';
import { type FileSystemFindings } from '../file-system.ts';
import { closedGate, gateOf, volumeDamage } from '../gate.ts';
import { type VolumeBytes } from '../volume-bytes.ts';
import { PAGE_SIZES, swapUse } from './signature.ts';

/** Header, list of bad pages, and the largest page that Linux has. */
const KEPT_BYTES = 64 * KiB;

const complain: Complain = (problem, at) => volumeDamage('the swap header', problem, at);

/** Looks into the volume; what it holds is never thrown, only the transport's failures and cancelling are. */
export async function examineSwap(bytes: VolumeBytes): Promise<FileSystemFindings> {
  const nothing = { label: null, clusterBytes: null, usedBytes: null, freeBytes: null, free: [], kept: [] };
  try {
    const head = new Uint8Array(Math.min(KEPT_BYTES, bytes.lengthBytes));
    await bytes.readInto(0, head);
    const fields = fieldsOf(head, bytes.startBytes, complain);
    const pageBytes = pageBytesOf(fields);
    const areaBytes = decodeAreaBytes(fields, pageBytes, bytes.lengthBytes);
    const freeBytes = Math.max(0, areaBytes - KEPT_BYTES);
    const free = freeBytes > 0 ? [{ start: KEPT_BYTES, length: freeBytes }] : [];
    const numbers = { clusterBytes: pageBytes, usedBytes: areaBytes - freeBytes, freeBytes };
    return {
      ...nothing,
      fileSystem: 'swap',
      label: labelOf(fields),
      ...numbers,
      free,
      gate: null,
      reason: null,
    };
  } catch (error) {
    const closed = gateOf(error);
    if (closed === null) throw error;
    return { ...nothing, fileSystem: 'swap', ...closed };
  }
}

/** @throws AppError `FILTER_GATE_CLOSED` unless the space is in its usual use */
function pageBytesOf(fields: Fields): number {
  const uses = PAGE_SIZES.map((size) => ({ size, use: swapUse(fields, size) }));
  const swapping = uses.find(({ use }) => use === 'swapping');
  if (swapping !== undefined && !uses.some(({ use }) => use === 'other')) return swapping.size;
  throw closedGate('swap-in-use', 'The machine sleeps in its swap space, or it is of an old kind', fields.at);
}

function decodeAreaBytes(fields: Fields, pageBytes: number, lengthBytes: number): number {
  if (fields.u32(1024) !== 1) throw fields.damage('its version is not 1', 1024);
  const areaBytes = (fields.u32(1028) + 1) * pageBytes;
  if (areaBytes > lengthBytes) throw fields.damage('the swap space is larger than its partition', 1028);
  return areaBytes;
}

function labelOf(fields: Fields): string | null {
  const bytes = fields.slice(1052, 16);
  const end = bytes.indexOf(0);
  const text = new TextDecoder().decode(bytes.subarray(0, end < 0 ? bytes.length : end));
  return text === '' ? null : text;
}
