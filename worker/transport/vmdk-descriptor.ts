/**
 * The text descriptor of a virtual disk, both ways: which file holds the bytes of a frozen disk, and the descriptor of
 * a restored one.
 *
 *   # Disk DescriptorFile            first line; keys are compared without regard to case
 *   CID=4f3a2b1c                     changes with the content
 *   parentCID=ffffffff               anything else: the disk shows only what differs from a parent
 *   createType="vmfs"                vmfs, monolithicFlat: one flat extent; vmfsSparse, seSparse …: a delta
 *   RW 16777216 VMFS "x-flat.vmdk"   access, length in sectors, type, file beside the descriptor [, first sector in it]
 *   ddb.adapterType = "lsilogic"     disk database
 *
 * Source: "Virtual Disk Format 5.0" (VMware), section "The Descriptor File"; descriptors written by ESXi 7 and qemu-img.
 */
import { AppError } from '../../shared/base/errors.ts';
import { KiB, MAX_DISK_BYTES, SECTOR_BYTES } from '../../shared/base/units.ts';

/** Real ones are below 2 KiB; hosts refuse far smaller ones than this. */
export const MAX_DESCRIPTOR_BYTES = 64 * KiB;

/** A whole disk under a descriptor's name shows within so many bytes. */
const PROBE_BYTES = KiB;
const MAX_EXTENTS = 64;
const NO_PARENT = 'ffffffff';
const SIGNATURE = /^\s*# *disk descriptorfile/i;
const EXTENT = /^(RW|RDONLY|NOACCESS)\s+(\d{1,15})\s+([A-Z0-9]+)(?:\s+"([^"]*)"(?:\s+(\d{1,15}))?)?/i;
const ASSIGNMENT = /^([A-Za-z][\w.]*)\s*=\s*(?:"([^"]*)"|(.*))$/;
const FLAT_TYPES = new Set(['FLAT', 'VMFS']);

export interface DescriptorExtent {
  readonly access: string;
  readonly sectors: number;
  /** Upper case: FLAT, VMFS, VMFSSPARSE, SESPARSE, SPARSE, VMFSRDM, ZERO … */
  readonly type: string;
  /** Relative to the descriptor's folder; null for a ZERO extent. */
  readonly file: string | null;
  /** First sector of the extent in `file`. */
  readonly offsetSectors: number;
}

export interface VmdkDescriptor {
  readonly createType: string;
  readonly cid: string;
  readonly parentCid: string;
  readonly parentFile: string | null;
  readonly extents: readonly DescriptorExtent[];
  /** The disk database, without `ddb.` in front. */
  readonly ddb: ReadonlyMap<string, string>;
}

/** Where the bytes of a flat disk lie; `file` is a plain name in the descriptor's folder. */
export interface FlatExtent {
  readonly file: string;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/**
 * Parses the descriptor in `bytes`, the whole file or its first 64 KiB.
 *
 * @param name - the file's name, for messages
 * @throws AppError `TRANSPORT_DESCRIPTOR_INVALID` for a file that is no descriptor, is larger than 64 KiB, or has a line
 *   that cannot be read
 */
export function parseDescriptor(bytes: Uint8Array, name: string): VmdkDescriptor {
  refuseBinary(bytes, name);
  if (bytes.length > MAX_DESCRIPTOR_BYTES)
    throw invalid(name, `it is larger than ${MAX_DESCRIPTOR_BYTES} bytes`);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  const values = new Map<string, string>();
  const extents: DescriptorExtent[] = [];
  text.split(/\r\n|\n|\r/).forEach((raw, index) => {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) return;
    const extent = EXTENT.exec(line);
    const assignment = ASSIGNMENT.exec(line);
    if (extent !== null) extents.push(extentOf(extent));
    else if (assignment !== null) {
      values.set((assignment[1] ?? '').toLowerCase(), (assignment[2] ?? assignment[3] ?? '').trim());
    } else throw invalid(name, `line ${index + 1} is neither a value nor an extent`);
  });
  if (extents.length > MAX_EXTENTS) throw invalid(name, `it has ${extents.length} extents`);
  return assemble(values, extents, name);
}

/** True when the file that begins with `bytes` says that it is a descriptor. */
export function isDescriptor(bytes: Uint8Array): boolean {
  const head = bytes.subarray(0, PROBE_BYTES);
  const text = Buffer.from(head.buffer, head.byteOffset, head.length)
    .toString('latin1')
    .replace(/^\u00ef\u00bb\u00bf/, '');
  return SIGNATURE.test(text);
}

function refuseBinary(bytes: Uint8Array, name: string): void {
  if (bytes.subarray(0, PROBE_BYTES).includes(0)) throw invalid(name, 'it holds binary bytes');
  if (!isDescriptor(bytes)) throw invalid(name, 'it does not start with "# Disk DescriptorFile"');
}

function extentOf(match: RegExpExecArray): DescriptorExtent {
  return {
    access: (match[1] ?? '').toUpperCase(),
    sectors: Number(match[2]),
    type: (match[3] ?? '').toUpperCase(),
    file: match[4] ?? null,
    offsetSectors: Number(match[5] ?? 0),
  };
}

function assemble(
  values: ReadonlyMap<string, string>,
  extents: readonly DescriptorExtent[],
  name: string,
): VmdkDescriptor {
  const createType = values.get('createtype');
  const cid = values.get('cid');
  if (createType === undefined || createType === '') throw invalid(name, 'it names no createType');
  if (cid === undefined) throw invalid(name, 'it names no CID');
  const ddb = [...values].filter(([key]) => key.startsWith('ddb.'));
  return {
    createType,
    cid: cid.toLowerCase(),
    parentCid: (values.get('parentcid') ?? NO_PARENT).toLowerCase(),
    parentFile: values.get('parentfilenamehint') ?? null,
    extents,
    ddb: new Map(ddb.map(([key, value]) => [key.slice('ddb.'.length), value])),
  };
}

/**
 * The one flat extent of a frozen disk without a parent.
 *
 * @throws AppError `TRANSPORT_DELTA_CHAIN` when the disk's bytes are spread over a chain of deltas;
 *   `TRANSPORT_DESCRIPTOR_INVALID` when it is of another kind, or has not exactly one flat extent
 */
export function frozenFlatExtent(descriptor: VmdkDescriptor, name: string): FlatExtent {
  refuseDelta(descriptor, name);
  const [extent, ...more] = descriptor.extents;
  if (extent === undefined) throw invalid(name, 'it has no extent');
  if (more.length > 0) throw invalid(name, `it is split into ${descriptor.extents.length} extents`);
  if (!FLAT_TYPES.has(extent.type)) throw invalid(name, `its extent is of type "${extent.type}", not flat`);
  if (extent.file === null || extent.file === '') throw invalid(name, 'its extent names no file');
  if (/[/\\]/.test(extent.file)) throw invalid(name, `its extent "${extent.file}" is not beside it`);
  const lengthBytes = extent.sectors * SECTOR_BYTES;
  const offsetBytes = extent.offsetSectors * SECTOR_BYTES;
  if (lengthBytes + offsetBytes > MAX_DISK_BYTES)
    throw invalid(name, `its extent has ${extent.sectors} sectors`);
  return { file: extent.file, offsetBytes, lengthBytes };
}

/**
 * The flat extent of the descriptor in `bytes`, which must hold the whole disk.
 * @throws AppError like `parseDescriptor` and `frozenFlatExtent`
 */
export function flatExtentOf(bytes: Uint8Array, name: string, capacityBytes: number): FlatExtent {
  const extent = frozenFlatExtent(parseDescriptor(bytes, name), name);
  if (extent.lengthBytes < capacityBytes) {
    throw invalid(name, `it describes ${extent.lengthBytes} bytes, the disk has ${capacityBytes}`);
  }
  return extent;
}

function refuseDelta(descriptor: VmdkDescriptor, name: string): void {
  const byType = /sparse/i.test(descriptor.createType) && /^(vmfs|se)/i.test(descriptor.createType);
  const byExtent = descriptor.extents.some((extent) => /^(VMFSSPARSE|SESPARSE)$/.test(extent.type));
  if (descriptor.parentCid === NO_PARENT && !byType && !byExtent) return;
  throw new AppError(
    'TRANSPORT_DELTA_CHAIN',
    `Cannot read the disk "${name}": it holds only what differs from its parent`,
    { file: name, createType: descriptor.createType, parentFile: descriptor.parentFile },
  );
}

function invalid(name: string, reason: string): AppError {
  return new AppError('TRANSPORT_DESCRIPTOR_INVALID', `Cannot use the disk descriptor "${name}": ${reason}`, {
    file: name,
    reason,
  });
}

/** What `encodeFlatDescriptor` writes down. */
export interface FlatDisk {
  readonly capacityBytes: number;
  /** Name of the extent beside the descriptor, without `"` or line breaks. */
  readonly extentName: string;
  /** Eight lower-case hex digits; not `ffffffff`, which says "no parent", nor `fffffffe`. */
  readonly cid: string;
}

/** The descriptor of a monolithicFlat disk: one extent in a file of its own, no parent. */
export function encodeFlatDescriptor(disk: FlatDisk): string {
  const sectors = disk.capacityBytes / SECTOR_BYTES;
  const { cylinders, heads, sectorsPerTrack } = geometryOf(sectors);
  return [
    '# Disk DescriptorFile',
    'version=1',
    'encoding="UTF-8"',
    `CID=${disk.cid}`,
    `parentCID=${NO_PARENT}`,
    'createType="monolithicFlat"',
    '',
    '# Extent description',
    `RW ${sectors} FLAT "${disk.extentName}" 0`,
    '',
    '# The Disk Data Base',
    '#DDB',
    '',
    'ddb.virtualHWVersion = "7"',
    `ddb.geometry.cylinders = "${cylinders}"`,
    `ddb.geometry.heads = "${heads}"`,
    `ddb.geometry.sectors = "${sectorsPerTrack}"`,
    'ddb.adapterType = "lsilogic"',
    '',
  ].join('\n');
}

const SECTORS_PER_GIB = 2_097_152;

/** The geometry that an LSI Logic adapter shows: 64 × 32 up to 1 GiB, 128 × 32 up to 2 GiB, 255 × 63 above. */
function geometryOf(sectors: number): { cylinders: number; heads: number; sectorsPerTrack: number } {
  const heads = sectors < SECTORS_PER_GIB ? 64 : sectors < 2 * SECTORS_PER_GIB ? 128 : 255;
  const sectorsPerTrack = heads === 255 ? 63 : 32;
  return { cylinders: Math.max(1, Math.floor(sectors / (heads * sectorsPerTrack))), heads, sectorsPerTrack };
}
