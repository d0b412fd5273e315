/**
 * NTFS structures by code, each valid as it comes and open to be spoilt. Only what tests of the filter need: boot sector, file
 * records with their attributes, runs, restart pages, index nodes, the headers of shadow copies.
 */

const SECTOR_BYTES = 512;

export interface BootFields {
  readonly sectorBytes?: number;
  /** The byte as stored. */
  readonly sectorsPerCluster?: number;
  readonly totalSectors?: bigint;
  readonly mftLcn?: bigint;
  readonly mftMirrorLcn?: bigint;
  readonly recordSize?: number;
  readonly indexSize?: number;
}

export function bootSector(fields: BootFields = {}): Buffer {
  const bytes = Buffer.alloc(SECTOR_BYTES);
  bytes.write('NTFS    ', 3, 'latin1');
  bytes.writeUInt16LE(fields.sectorBytes ?? 512, 11);
  bytes.writeUInt8(fields.sectorsPerCluster ?? 8, 13);
  bytes.writeBigUInt64LE(fields.totalSectors ?? 8191n, 40);
  bytes.writeBigUInt64LE(fields.mftLcn ?? 4n, 48);
  bytes.writeBigUInt64LE(fields.mftMirrorLcn ?? 2n, 56);
  bytes.writeInt8(fields.recordSize ?? -10, 64);
  bytes.writeInt8(fields.indexSize ?? 1, 68);
  bytes.writeUInt16LE(0xaa55, 510);
  return bytes;
}

/** Puts a fix-up array at `arrayOffset` into a record of whole sectors, in place. */
export function withFixups(bytes: Buffer, arrayOffset: number, sequence = 7): Buffer {
  const strides = bytes.length / SECTOR_BYTES;
  bytes.writeUInt16LE(arrayOffset, 4);
  bytes.writeUInt16LE(strides + 1, 6);
  bytes.writeUInt16LE(sequence, arrayOffset);
  for (let stride = 1; stride <= strides; stride++) {
    const end = stride * SECTOR_BYTES - 2;
    bytes.copy(bytes, arrayOffset + 2 * stride, end, end + 2);
    bytes.writeUInt16LE(sequence, end);
  }
  return bytes;
}

/** One run: clusters, and the step from the last LCN (null makes a hole). */
export type RunStep = readonly [clusters: number, step: number | null];

export function runList(...steps: readonly RunStep[]): Buffer {
  const parts = steps.map(([clusters, step]) => {
    const run = Buffer.alloc(step === null ? 5 : 9);
    run.writeUInt8(step === null ? 0x04 : 0x44, 0);
    run.writeUInt32LE(clusters, 1);
    if (step !== null) run.writeInt32LE(step, 5);
    return run;
  });
  return Buffer.concat([...parts, Buffer.alloc(1)]);
}

export interface AttributeFields {
  readonly type: number;
  readonly name?: string;
  readonly flags?: number;
}

const padded = (bytes: number): number => Math.ceil(bytes / 8) * 8;

function attributeHead(fields: AttributeFields, headBytes: number, bodyBytes: number): Buffer {
  const name = Buffer.from(fields.name ?? '', 'utf16le');
  const bytes = Buffer.alloc(padded(headBytes + name.length) + padded(bodyBytes));
  bytes.writeUInt32LE(fields.type, 0);
  bytes.writeUInt32LE(bytes.length, 4);
  bytes.writeUInt8(name.length / 2, 9);
  bytes.writeUInt16LE(headBytes, 10);
  bytes.writeUInt16LE(fields.flags ?? 0, 12);
  name.copy(bytes, headBytes);
  return bytes;
}

export function resident(fields: AttributeFields, value: Buffer): Buffer {
  const bytes = attributeHead(fields, 24, value.length);
  const valueOffset = bytes.length - padded(value.length);
  bytes.writeUInt32LE(value.length, 16);
  bytes.writeUInt16LE(valueOffset, 20);
  value.copy(bytes, valueOffset);
  return bytes;
}

export interface StreamFields extends AttributeFields {
  readonly firstVcn?: number;
  readonly lastVcn: number;
  readonly sizeBytes?: number;
  readonly initialisedBytes?: number;
}

export function nonResident(fields: StreamFields, runs: Buffer): Buffer {
  const bytes = attributeHead(fields, 64, runs.length);
  const runsOffset = bytes.length - padded(runs.length);
  bytes.writeUInt8(1, 8);
  bytes.writeBigUInt64LE(BigInt(fields.firstVcn ?? 0), 16);
  bytes.writeBigInt64LE(BigInt(fields.lastVcn), 24);
  bytes.writeUInt16LE(runsOffset, 32);
  bytes.writeBigUInt64LE(BigInt(fields.sizeBytes ?? 0), 48);
  bytes.writeBigUInt64LE(BigInt(fields.initialisedBytes ?? fields.sizeBytes ?? 0), 56);
  runs.copy(bytes, runsOffset);
  return bytes;
}

export interface RecordFields {
  readonly sequence?: number;
  /** 1 in use, 2 directory. */
  readonly flags?: number;
  readonly base?: bigint;
  readonly recordBytes?: number;
}

export function fileRecord(fields: RecordFields, ...attributes: readonly Buffer[]): Buffer {
  const bytes = Buffer.alloc(fields.recordBytes ?? 1024);
  const first = 64;
  bytes.write('FILE', 0, 'latin1');
  bytes.writeUInt16LE(fields.sequence ?? 1, 16);
  bytes.writeUInt16LE(first, 20);
  bytes.writeUInt16LE(fields.flags ?? 1, 22);
  bytes.writeBigUInt64LE(fields.base ?? 0n, 32);
  const end = Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
  const body = Buffer.concat([...attributes, end]);
  body.copy(bytes, first);
  bytes.writeUInt32LE(first + body.length, 24);
  return withFixups(bytes, 48);
}

export function fileName(name: string, parent = 5n): Buffer {
  const text = Buffer.from(name, 'utf16le');
  const value = Buffer.alloc(66 + text.length);
  value.writeBigUInt64LE(parent + (5n << 48n), 0);
  value.writeUInt8(name.length, 64);
  text.copy(value, 66);
  return value;
}

export interface ListEntryFields {
  readonly type: number;
  readonly name?: string;
  readonly firstVcn?: number;
  readonly record: number;
  readonly sequence?: number;
}

export function listEntry(fields: ListEntryFields): Buffer {
  const name = Buffer.from(fields.name ?? '', 'utf16le');
  const bytes = Buffer.alloc(padded(26 + name.length));
  bytes.writeUInt32LE(fields.type, 0);
  bytes.writeUInt16LE(bytes.length, 4);
  bytes.writeUInt8(name.length / 2, 6);
  bytes.writeUInt8(26, 7);
  bytes.writeBigUInt64LE(BigInt(fields.firstVcn ?? 0), 8);
  bytes.writeBigUInt64LE(BigInt(fields.record) + (BigInt(fields.sequence ?? 1) << 48n), 16);
  name.copy(bytes, 26);
  return bytes;
}

export interface RestartFields {
  readonly magic?: string;
  readonly version?: readonly [major: number, minor: number];
  readonly pageBytes?: number;
  readonly lsn?: bigint;
  readonly inUse?: number;
  readonly flags?: number;
  readonly clients?: number;
  readonly sequenceBits?: number;
  readonly logBytes?: number;
  readonly oldestLsn?: bigint;
}

/** By default one of a log of 2 MiB at rest. */
export function restartPage(fields: RestartFields = {}): Buffer {
  const bytes = Buffer.alloc(4096);
  const [major, minor] = fields.version ?? [1, 1];
  const area = 0x40;
  const client = 0x40;
  bytes.write(fields.magic ?? 'RSTR', 0, 'latin1');
  bytes.writeUInt32LE(4096, 16);
  bytes.writeUInt32LE(fields.pageBytes ?? 4096, 20);
  bytes.writeUInt16LE(area, 24);
  bytes.writeUInt16LE(minor, 26);
  bytes.writeUInt16LE(major, 28);
  bytes.writeBigUInt64LE(fields.lsn ?? 1000n, area);
  bytes.writeUInt16LE(fields.clients ?? 1, area + 8);
  bytes.writeUInt16LE(fields.inUse ?? 0, area + 12);
  bytes.writeUInt16LE(fields.flags ?? 2, area + 14);
  bytes.writeUInt32LE(fields.sequenceBits ?? 45, area + 16);
  bytes.writeUInt16LE(client, area + 22);
  bytes.writeBigUInt64LE(BigInt(fields.logBytes ?? 2 * 1024 * 1024), area + 24);
  bytes.writeUInt16LE(48, area + 36);
  bytes.writeUInt16LE(64, area + 38);
  bytes.writeBigUInt64LE(fields.oldestLsn ?? fields.lsn ?? 1000n, area + client);
  return withFixups(bytes, 30);
}

export interface IndexEntryFields {
  /** Left out for the last entry. */
  readonly name?: string;
  readonly reference?: bigint;
  /** VCN of the node below. */
  readonly below?: number;
}

export function indexEntry(fields: IndexEntryFields): Buffer {
  const key = fields.name === undefined ? Buffer.alloc(0) : fileName(fields.name);
  const bytes = Buffer.alloc(16 + padded(key.length) + (fields.below === undefined ? 0 : 8));
  bytes.writeBigUInt64LE(fields.reference ?? 0n, 0);
  bytes.writeUInt16LE(bytes.length, 8);
  bytes.writeUInt16LE(key.length, 10);
  bytes.writeUInt16LE((fields.below === undefined ? 0 : 1) + (fields.name === undefined ? 2 : 0), 12);
  key.copy(bytes, 16);
  if (fields.below !== undefined) bytes.writeBigUInt64LE(BigInt(fields.below), bytes.length - 8);
  return bytes;
}

/** The header of a node and its entries; in $INDEX_ROOT and INDX records alike. */
export function indexNode(...entries: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(16);
  const body = Buffer.concat(entries);
  header.writeUInt32LE(16, 0);
  header.writeUInt32LE(16 + body.length, 4);
  header.writeUInt32LE(16 + body.length, 8);
  return Buffer.concat([header, body]);
}

const VSS_GUID = Buffer.from('6b87083876c1484eb7ae04046e6cc752', 'hex');

export function vssHeader(catalog: bigint, recordType = 1): Buffer {
  const bytes = Buffer.alloc(512);
  VSS_GUID.copy(bytes);
  bytes.writeUInt32LE(1, 16);
  bytes.writeUInt32LE(recordType, 20);
  bytes.writeBigUInt64LE(0x1e00n, 24);
  bytes.writeBigUInt64LE(catalog, 48);
  return bytes;
}

/** A block of the shadow copies that lies at `offset` of its volume. */
export function vssBlock(recordType: number, offset: number, next = 0): Buffer {
  const bytes = Buffer.alloc(16 * 1024);
  VSS_GUID.copy(bytes);
  bytes.writeUInt32LE(1, 16);
  bytes.writeUInt32LE(recordType, 20);
  bytes.writeBigUInt64LE(BigInt(offset), 32);
  bytes.writeBigUInt64LE(BigInt(next), 40);
  return bytes;
}

export interface CatalogEntryFields {
  readonly type: number;
  /** Stands for the GUID. */
  readonly copy?: number;
  readonly volumeBytes?: number;
  readonly store?: { header: number; blockList: number; ranges: number; bitmap: number; older?: number };
}

export function vssCatalog(offset: number, entries: readonly CatalogEntryFields[], next = 0): Buffer {
  const bytes = vssBlock(2, offset, next);
  entries.forEach(({ type, copy, volumeBytes, store }, index) => {
    const at = 128 * (index + 1);
    bytes.writeBigUInt64LE(BigInt(type), at);
    bytes.writeUInt32LE(copy ?? 1, at + 16);
    if (volumeBytes !== undefined) bytes.writeBigUInt64LE(BigInt(volumeBytes), at + 8);
    if (store === undefined) return;
    const places = [8, 32, 40, 48, 72];
    const values = [store.blockList, store.header, store.ranges, store.bitmap, store.older ?? 0];
    places.forEach((place, i) => bytes.writeBigUInt64LE(BigInt(values[i]!), at + place));
  });
  return bytes;
}
