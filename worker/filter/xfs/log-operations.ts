/**
 * What records of the log are made of: operations, each with a header (big endian) and content of its own byte order.
 *
 *   0  u32 transaction     4  u32 bytes that follow     8  u8 owner: 69 a transaction, AA the log itself
 *   9  u8 1 it starts, 2 it is committed, 4 and 8 the operation goes on in the next record, 20 unmounted
 *
 *   transaction  start │ "TRAN" with 16 bytes │ item: description, regions … │ item … │ commit
 *   buffer item  u16 123C, u16 regions with this one, u16 flags (2 = forget the buffer), u16 units of 512 bytes, u64 unit of the volume
 *
 * Freezing a volume, and the kernel when it has nothing to do, write transactions that hold nothing but the superblock: they change
 * counters, and no block becomes free or used by them.
 *
 * Source: docs/format/xfs.md, section 5.
 */
import { type Fields } from '../fields.ts';
import { type LogRecord } from './log-record.ts';

const HEADER_BYTES = 12;
const OWNER_TRANSACTION = 0x69;
const OWNER_LOG = 0xaa;
const FLAG_START = 0x1;
const FLAG_COMMIT = 0x2;
const FLAG_UNMOUNT = 0x20;
const TRANSACTION_MAGIC = 0x5452414e;
const BUFFER_ITEM = 0x123c;
const BUFFER_FORGET = 0x2;

interface Operation {
  readonly transaction: number;
  readonly owner: number;
  readonly flags: number;
  readonly offset: number;
  readonly lengthBytes: number;
}

/** True when the record says that the volume was unmounted, and nothing else. */
export function isUnmountRecord(record: LogRecord): boolean {
  const first = operationsOf(record)[0];
  return record.operations === 1 && first?.owner === OWNER_LOG && first.flags === FLAG_UNMOUNT;
}

/** True when the record holds whole transactions, and they change nothing but the superblock of `sectorBytes`. */
export function holdsOnlySuperblocks(record: LogRecord, sectorBytes: number): boolean {
  if (!record.isLittleEndian) return false;
  const operations = operationsOf(record);
  let next = 0;
  while (next < operations.length) {
    const length = superblockTransaction(record.content, operations.slice(next, next + 5), sectorBytes);
    if (length === 0) return false;
    next += length;
  }
  return operations.length > 0;
}

/** Operations of the transaction at the start of `operations` when it changes only the superblock, else 0. */
function superblockTransaction(
  content: Fields,
  operations: readonly Operation[],
  sectorBytes: number,
): number {
  const [start, head, item, region, commit] = operations;
  if (!start || !head || !item || !region || !commit) return 0;
  const isOne = operations.every(
    ({ transaction, owner }) => transaction === start.transaction && owner === OWNER_TRANSACTION,
  );
  const flags = operations.map((operation) => operation.flags).join();
  if (!isOne || flags !== [FLAG_START, 0, 0, 0, FLAG_COMMIT].join()) return 0;
  if (start.lengthBytes !== 0 || commit.lengthBytes !== 0) return 0;
  if (head.lengthBytes !== 16 || content.u32(head.offset) !== TRANSACTION_MAGIC) return 0;
  return isSuperblockItem(content, item, sectorBytes) ? operations.length : 0;
}

function isSuperblockItem(content: Fields, item: Operation, sectorBytes: number): boolean {
  const { offset, lengthBytes } = item;
  return (
    lengthBytes >= 24 &&
    content.u16(offset) === BUFFER_ITEM &&
    content.u16(offset + 2) === 2 &&
    (content.u16(offset + 4) & BUFFER_FORGET) === 0 &&
    content.u16(offset + 6) === sectorBytes / 512 &&
    content.u32(offset + 8) === 0 &&
    content.u32(offset + 12) === 0
  );
}

/** @throws AppError `FS_STRUCTURE_INVALID` when they do not fit the record */
function operationsOf({ content, operations: count }: LogRecord): Operation[] {
  const operations: Operation[] = [];
  let offset = 0;
  for (let i = 0; i < count; i++) {
    const lengthBytes = content.u32be(offset + 4);
    operations.push({
      transaction: content.u32be(offset),
      owner: content.u8(offset + 8),
      flags: content.u8(offset + 9),
      offset: offset + HEADER_BYTES,
      lengthBytes,
    });
    content.slice(offset + HEADER_BYTES, lengthBytes);
    offset += HEADER_BYTES + lengthBytes;
  }
  return operations;
}
