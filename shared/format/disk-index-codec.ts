/**
 * The file of a disk index, `disk-<key>.<layer>.<segment>.index`: docs/format/device.md §5.
 *
 *    0  8 magic                     32  4 number of runs
 *    8  4 version (1)               36  4 length of all runs
 *   12  4 flags (0)                 40  4 number of refs
 *   16  8 capacity                  44  4 CRC-32 of bytes 0–43
 *   24  4 length of a grid cell     48    pack table: 16 bytes each
 *   28  4 number of packs              …  runs: kind (1 byte: 0 data, 1 zero, 2 free, 3 same), length (7-bit groups)
 *                                      …  refs: 56 bytes each, disk-index.ts
 *                                      …  32 bytes SHA-256 of everything before
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { type ExtentKind, type Run } from '../domain/extent-map.ts';
import { ByteReader, invalid, unknownVersion, varintLength, writeVarint } from './byte-reader.ts';
import { type DiskIndex, REF_BYTES, checkDiskIndex, refCount } from './disk-index.ts';
import { CHUNK_ID_BYTES, chunkIdOf, fromHex, magicOf, sameBytes, toHex } from './hash.ts';
import { PACK_ID_BYTES } from './pack.ts';

const DISK_INDEX_VERSION = 1;
const HEADER_BYTES = 48;
const MAGIC = magicOf('Blockhouse disk index', 8);
/** In the order of their numbers in the format. */
const kinds: readonly ExtentKind[] = ['data', 'zero', 'free', 'same'];

/**
 * The file in parts, to be written one behind the other: the refs are not copied.
 * @throws AppError `FORMAT_INVALID` when the index is not whole
 */
export function encodeDiskIndex(index: DiskIndex): readonly Uint8Array[] {
  checkDiskIndex(index, 'the new disk index');
  const packs = new Uint8Array(index.packs.length * PACK_ID_BYTES);
  index.packs.forEach((packId, i) => packs.set(fromHex(packId, PACK_ID_BYTES), i * PACK_ID_BYTES));
  const runs = encodeRuns(index.runs);
  const parts = [encodeHeader(index, runs.length), packs, runs, index.refs];
  const proof = createHash('sha256');
  for (const part of parts) proof.update(part);
  return [...parts, proof.digest()];
}

function encodeHeader(index: DiskIndex, runBytes: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint32(8, DISK_INDEX_VERSION, true);
  view.setBigUint64(16, BigInt(index.capacityBytes), true);
  view.setUint32(24, index.gridBytes, true);
  view.setUint32(28, index.packs.length, true);
  view.setUint32(32, index.runs.length, true);
  view.setUint32(36, runBytes, true);
  view.setUint32(40, refCount(index), true);
  view.setUint32(44, crc32(bytes.subarray(0, 44)), true);
  return bytes;
}

function encodeRuns(runs: readonly Run[]): Uint8Array {
  let length = 0;
  for (const run of runs) length += 1 + varintLength(run.length);
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const run of runs) {
    bytes[at] = kinds.indexOf(run.kind);
    at = writeVarint(bytes, at + 1, run.length);
  }
  return bytes;
}

/**
 * The index in `bytes`, wholly checked; its refs are a view on them.
 * @param what - the object's name, for messages
 * @throws AppError `FORMAT_INVALID`, `FORMAT_VERSION_UNKNOWN`
 */
export function decodeDiskIndex(bytes: Uint8Array, what: string): DiskIndex {
  const reader = new ByteReader(bytes, what);
  const header = decodeHeader(reader, bytes, what);
  const parts = header.packs * PACK_ID_BYTES + header.runBytes + header.refs * REF_BYTES;
  if (reader.left !== parts + CHUNK_ID_BYTES) {
    throw invalid(what, `it has ${bytes.length} bytes, not ${HEADER_BYTES + parts + CHUNK_ID_BYTES}`);
  }
  const proof = bytes.subarray(bytes.length - CHUNK_ID_BYTES);
  if (!sameBytes(chunkIdOf(bytes.subarray(0, bytes.length - CHUNK_ID_BYTES)), proof)) {
    throw invalid(what, 'its content is damaged');
  }
  const index = {
    capacityBytes: header.capacityBytes,
    gridBytes: header.gridBytes,
    packs: Array.from({ length: header.packs }, () => toHex(reader.bytes(PACK_ID_BYTES))),
    runs: decodeRuns(new ByteReader(reader.bytes(header.runBytes), what), header.runs, what),
    refs: reader.bytes(header.refs * REF_BYTES),
  };
  checkDiskIndex(index, what);
  return index;
}

interface IndexHeader {
  readonly capacityBytes: number;
  readonly gridBytes: number;
  readonly packs: number;
  readonly runs: number;
  readonly runBytes: number;
  readonly refs: number;
}

function decodeHeader(reader: ByteReader, bytes: Uint8Array, what: string): IndexHeader {
  if (!sameBytes(reader.bytes(8), MAGIC)) throw invalid(what, 'it does not begin like a disk index');
  const version = reader.u32();
  if (version > DISK_INDEX_VERSION) throw unknownVersion(what, `its version is ${version}`, { version });
  const flags = reader.u32();
  // Read whole before anything of it is believed: the capacity of a damaged header may be no number of ours.
  const fields = new ByteReader(reader.bytes(28), what);
  const isSound = reader.u32() === crc32(bytes.subarray(0, 44)) && version === DISK_INDEX_VERSION;
  if (!isSound) throw invalid(what, 'its header is damaged');
  if (flags !== 0) throw unknownVersion(what, `its flags are ${flags}`, { flags });
  return {
    capacityBytes: fields.u64(),
    gridBytes: fields.u32(),
    packs: fields.u32(),
    runs: fields.u32(),
    runBytes: fields.u32(),
    refs: fields.u32(),
  };
}

function decodeRuns(reader: ByteReader, count: number, what: string): Run[] {
  const runs: Run[] = [];
  let start = 0;
  for (let i = 0; i < count; i++) {
    const kind = kinds[reader.u8()];
    if (kind === undefined) throw unknownVersion(what, `run ${i} is of an unknown kind`, { run: i });
    const length = reader.varint();
    runs.push({ kind, start, length });
    start += length;
  }
  if (reader.left !== 0) throw invalid(what, 'its runs end early');
  return runs;
}
