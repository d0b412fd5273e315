/**
 * A writer of $LogFile as NTFS does it: records one behind the other in a ring of pages; a page that is not full is written as a copy
 * before the ring first. What it returns are the writes in their order, so that a test can stop between any two.
 */
import { restartPage, withFixups } from './ntfs-bytes.ts';

const PAGE = 4096;
const RECORDS = 64;
const HEADER = 48;

export interface LogShape {
  readonly version: readonly [major: 1 | 2, minor: 0 | 1];
  readonly logBytes: number;
}

/** Bytes to be written at an offset of the log. */
export interface LogWrite {
  readonly at: number;
  readonly bytes: Buffer;
}

export interface LogWriter {
  /** Appends a record and returns its LSN; pages that it fills become writes. */
  append(data: Buffer, type?: number): bigint;
  /** The writes since the last call; with the page that is not full, when there is one. */
  flush(): LogWrite[];
  /** Appends a checkpoint, flushes, and writes a restart page from which on everything is needed from `oldest` on. */
  checkpoint(oldest?: bigint): LogWrite[];
  /** LSN that the next record gets. */
  next(): bigint;
}

export function logWriter({ version, logBytes }: LogShape, firstRound = 3n): LogWriter {
  const firstPage = (version[0] === 1 ? 4 : 34) * PAGE;
  const offsetBits = Math.ceil(Math.log2(logBytes / 8));
  let round = firstRound;
  let home = firstPage;
  let position = RECORDS;
  let page = emptyPage();
  let isTouched = false;
  let copies = 0;
  let restarts = 0;
  let writes: LogWrite[] = [];

  const next = (): bigint => (round << BigInt(offsetBits)) + BigInt((home + position) / 8);
  function write(at: number, copyOf: number | null): void {
    const bytes = Buffer.from(page);
    if (copyOf !== null && version[0] === 1) bytes.writeBigUInt64LE(BigInt(copyOf), 8);
    if (copyOf !== null && version[0] === 2) bytes.writeUInt32LE(copyOf, 60);
    writes.push({ at, bytes: withFixups(bytes, 40) });
  }
  function turn(): void {
    write(home, null);
    page = emptyPage();
    isTouched = false;
    position = RECORDS;
    home += PAGE;
    if (home < logBytes) return;
    home = firstPage;
    round++;
  }
  function append(data: Buffer, type = 1): bigint {
    const lsn = next();
    const header = Buffer.alloc(HEADER);
    header.writeBigUInt64LE(lsn, 0);
    header.writeUInt32LE(data.length, 24);
    header.writeUInt32LE(type, 32);
    let rest = Buffer.concat([header, data, Buffer.alloc((8 - (data.length % 8)) % 8)]);
    for (;;) {
      const part = rest.subarray(0, PAGE - position);
      part.copy(page, position);
      page.writeBigUInt64LE(lsn, 8);
      isTouched = true;
      position += part.length;
      rest = rest.subarray(part.length);
      if (rest.length === 0) break;
      turn();
    }
    page.writeUInt32LE(1, 16);
    page.writeUInt16LE(position, 24);
    page.writeBigUInt64LE(lsn, 32);
    if (PAGE - position < HEADER) turn();
    return lsn;
  }
  function flush(): LogWrite[] {
    const slots = version[0] === 1 ? 2 : 32;
    if (isTouched) write((2 + (copies++ % slots)) * PAGE, home);
    const done = writes;
    writes = [];
    return done;
  }
  return {
    append,
    flush,
    next,
    checkpoint(oldest) {
      const lsn = append(Buffer.alloc(64), 2);
      const done = flush();
      const restart = restartPage({
        version: [version[0], version[1]],
        lsn,
        oldestLsn: oldest ?? lsn,
        flags: 0,
        sequenceBits: 64 - offsetBits,
        logBytes,
      });
      return [...done, { at: (restarts++ % 2) * PAGE, bytes: restart }];
    },
  };
}

function emptyPage(): Buffer {
  const page = Buffer.alloc(PAGE);
  page.write('RCRD', 0, 'latin1');
  page.writeUInt16LE(1, 20);
  page.writeUInt16LE(1, 22);
  return page;
}

export const SET_BITS = 0x15;
export const CLEAR_BITS = 0x16;

export interface BitsFields {
  readonly redo: number;
  readonly undo: number;
  /** Cluster of $Bitmap that has the bits, and the place of that cluster in it. */
  readonly lcn: number;
  readonly vcn?: number;
  readonly inCluster?: number;
  readonly recordOffset?: number;
  readonly attributeOffset?: number;
  readonly firstBit: number;
  readonly bits: number;
  /** Bytes that the redo data claim to have. */
  readonly dataBytes?: number;
}

/** The data of a record that changes $Bitmap. */
export function bitsRecord(fields: BitsFields): Buffer {
  const data = Buffer.alloc(48);
  const numbers = [fields.redo, fields.undo, 40, fields.dataBytes ?? 8, 40, 8, 0x68, 1];
  numbers.forEach((value, index) => data.writeUInt16LE(value, 2 * index));
  data.writeUInt16LE(fields.recordOffset ?? 0, 16);
  data.writeUInt16LE(fields.attributeOffset ?? 0, 18);
  data.writeUInt16LE(fields.inCluster ?? 0, 20);
  data.writeBigUInt64LE(BigInt(fields.vcn ?? 0), 24);
  data.writeBigUInt64LE(BigInt(fields.lcn), 32);
  data.writeUInt32LE(fields.firstBit, 40);
  data.writeUInt32LE(fields.bits, 44);
  return data;
}
