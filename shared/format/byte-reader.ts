/** Reads little-endian fields in order, never past the end: every other decoder of this folder stands on it. */
import { AppError } from '../base/errors.ts';
import { toSafeNumber } from '../base/units.ts';

/** Longest number in 7-bit groups: 8 groups hold 56 bits, more than a byte offset can have. */
const MAX_VARINT_BYTES = 8;

/** Every read throws AppError `FORMAT_INVALID`, naming `what` and the position, when it would pass the end. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #what: string;
  #position = 0;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#what = what;
  }

  get position(): number {
    return this.#position;
  }

  get left(): number {
    return this.#bytes.length - this.#position;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  u64(): number {
    return toSafeNumber(this.#view.getBigUint64(this.#take(8), true), this.#what);
  }

  /** A view, not a copy. */
  bytes(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** A number in groups of 7 bits, lowest first; the top bit says that another group follows. */
  varint(): number {
    const start = this.#position;
    let value = 0;
    let factor = 1;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      const byte = this.u8();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80 && value <= Number.MAX_SAFE_INTEGER) return value;
      factor *= 0x80;
    }
    throw invalid(this.#what, `the number at byte ${start} is out of range`, { at: start });
  }

  #take(length: number): number {
    const start = this.#position;
    if (length > this.left) {
      throw invalid(this.#what, `it ends at byte ${this.#bytes.length}`, {
        at: start,
        needs: length,
        left: this.left,
      });
    }
    this.#position += length;
    return start;
  }
}

/** The error of every damaged object: "Cannot use <what>: <reason>". */
export function invalid(what: string, reason: string, facts: AppError['facts'] = {}): AppError {
  return new AppError('FORMAT_INVALID', `Cannot use ${what}: ${reason}`, facts);
}

/** The error of everything that a later version may have brought. */
export function unknownVersion(what: string, reason: string, facts: AppError['facts'] = {}): AppError {
  return new AppError('FORMAT_VERSION_UNKNOWN', `Cannot use ${what}: ${reason}`, facts);
}

/** Bytes that `varint` reads back. */
export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++;
  return length;
}

/** Writes `value` at `position` and returns the position behind it. */
export function writeVarint(into: Uint8Array, position: number, value: number): number {
  let at = position;
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) into[at++] = (rest % 0x80) + 0x80;
  into[at++] = rest;
  return at;
}
