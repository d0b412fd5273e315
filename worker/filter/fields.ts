/**
 * Numbers out of bytes that may be damaged: little endian unless named otherwise, bounds-checked, and every complaint names the byte on the
 * disk. 64-bit fields come out as numbers; a value that is no safe integer is damage too (2^53 is past any disk).
 */
import { type AppError } from '../../shared/base/errors.ts';

/** Makes the error for a problem at a byte of the disk. */
export type Complain = (problem: string, at: number) => AppError;

export interface Fields {
  readonly lengthBytes: number;
  /** Where the first byte lies on the disk. */
  readonly at: number;
  u8(offset: number): number;
  i8(offset: number): number;
  u16(offset: number): number;
  u32(offset: number): number;
  u64(offset: number): number;
  i64(offset: number): number;
  /** Big endian. */
  u16be(offset: number): number;
  u32be(offset: number): number;
  u64be(offset: number): number;
  /** A view, not a copy. */
  slice(offset: number, lengthBytes: number): Uint8Array;
  /** One character a byte. */
  ascii(offset: number, lengthBytes: number): string;
  /** `units` UTF-16 code units. */
  utf16(offset: number, units: number): string;
  /** The error for a problem with the field at `offset`. */
  damage(problem: string, offset: number): AppError;
}

/** Fields of `bytes`, whose first byte lies at `at` on the disk. */
export function fieldsOf(bytes: Uint8Array, at: number, complain: Complain): Fields {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const damage = (problem: string, offset: number): AppError => complain(problem, at + offset);

  function need(offset: number, lengthBytes: number): number {
    if (offset < 0 || lengthBytes < 0 || offset + lengthBytes > bytes.length) {
      throw damage(`${lengthBytes} bytes are needed where the structure has ended`, offset);
    }
    return offset;
  }
  function safe(value: bigint, offset: number): number {
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw damage('a number is out of range', offset);
    return number;
  }
  return {
    lengthBytes: bytes.length,
    at,
    u8: (offset) => view.getUint8(need(offset, 1)),
    i8: (offset) => view.getInt8(need(offset, 1)),
    u16: (offset) => view.getUint16(need(offset, 2), true),
    u32: (offset) => view.getUint32(need(offset, 4), true),
    u64: (offset) => safe(view.getBigUint64(need(offset, 8), true), offset),
    i64: (offset) => safe(view.getBigInt64(need(offset, 8), true), offset),
    u16be: (offset) => view.getUint16(need(offset, 2)),
    u32be: (offset) => view.getUint32(need(offset, 4)),
    u64be: (offset) => safe(view.getBigUint64(need(offset, 8)), offset),
    slice: (offset, lengthBytes) => bytes.subarray(need(offset, lengthBytes), offset + lengthBytes),
    ascii: (offset, lengthBytes) => {
      need(offset, lengthBytes);
      return String.fromCharCode(...bytes.subarray(offset, offset + lengthBytes));
    },
    utf16: (offset, units) => {
      need(offset, units * 2);
      return Array.from({ length: units }, (_, i) =>
        String.fromCharCode(view.getUint16(offset + 2 * i, true)),
      ).join('');
    },
    damage,
  };
}

/** Lower-case text form of the 16 bytes of a GUID, first three fields little endian. */
export function guidText(bytes: Uint8Array): string {
  const hex = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].map((i) =>
    (bytes[i] ?? 0).toString(16).padStart(2, '0'),
  );
  const part = (from: number, to: number): string => hex.slice(from, to).join('');
  return [part(0, 4), part(4, 6), part(6, 8), part(8, 10), part(10, 16)].join('-');
}
