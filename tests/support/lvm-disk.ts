/** A disk that is one physical volume of LVM2, built byte by byte: label, one metadata area, extents of 4 MiB from 1 MiB on. */
import { lvmChecksum } from '../../worker/filter/lvm/units.ts';

const MiB = 1024 * 1024;
export const FIRST_EXTENT = MiB;
export const EXTENT = 4 * MiB;
export const UUIDS = [
  'aaaaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaaaa',
  'bbbbbb-bbbb-bbbb-bbbb-bbbb-bbbb-bbbbbb',
] as const;

export interface LvmParts {
  readonly extents?: number;
  /** In its place in the ring; the text is wrapped where it reaches the end. */
  readonly textAt?: number;
  readonly uuid?: string;
  /** The area says that metadata are to be looked for elsewhere. */
  readonly isIgnored?: boolean;
}

/** A logical volume of segments `[physical volume, first extent, extents]`. */
export function logicalText(
  name: string,
  segments: readonly (readonly [string, number, number])[],
  more = '',
): string {
  let start = 0;
  const parts = segments.map(([physical, first, extents], i) => {
    const text = `segment${i + 1} {\nstart_extent = ${start}\nextent_count = ${extents}\n\ntype = "striped"\nstripe_count = 1\t# linear\nstripes = [\n"${physical}", ${first}\n]\n}\n`;
    start += extents;
    return text;
  });
  return `${name} {\nid = "x"\nstatus = ["READ", "WRITE", "VISIBLE"]\nflags = []\n${more}segment_count = ${segments.length}\n${parts.join('')}}\n`;
}

export interface GroupParts {
  readonly sequence?: number;
  readonly status?: string;
  readonly physical?: readonly string[];
  readonly extents?: number;
}

/** A group named vg of the given logical volumes. */
export function groupText(logical: string, parts: GroupParts = {}): string {
  const {
    sequence = 1,
    status = '"RESIZEABLE", "READ", "WRITE"',
    physical = [UUIDS[0]],
    extents = 16,
  } = parts;
  const pvs = physical.map(
    (id, i) =>
      `pv${i} {\nid = "${id}"\ndevice = "/dev/sd\\"a"\nstatus = ["ALLOCATABLE"]\nflags = []\npe_start = ${FIRST_EXTENT / 512}\npe_count = ${extents}\n}\n`,
  );
  return `vg {\nid = "group"\nseqno = ${sequence}\nformat = "lvm2"\nstatus = [${status}]\nflags = []\nextent_size = ${EXTENT / 512}\nphysical_volumes {\n${pvs.join('')}}\nlogical_volumes {\n${logical}}\n}\n# made\ncontents = "Text Format Volume Group"\nversion = 1\n`;
}

/** The whole disk; `text` null leaves the metadata area empty. */
export function lvmDisk(
  text: string | null,
  { extents = 16, textAt = 512, uuid = UUIDS[0], isIgnored = false }: LvmParts = {},
): Buffer {
  const disk = Buffer.alloc(FIRST_EXTENT + extents * EXTENT + 4096);
  const label = disk.subarray(512, 1024);
  label.write('LABELONE', 0, 'latin1');
  label.writeUInt32LE(1, 8);
  label.writeUInt32LE(32, 20);
  label.write('LVM2 001', 24, 'latin1');
  label.write(uuid.replaceAll('-', ''), 32, 'latin1');
  label.writeBigUInt64LE(BigInt(disk.length), 64);
  label.writeBigUInt64LE(BigInt(FIRST_EXTENT), 72);
  label.writeBigUInt64LE(4096n, 104);
  label.writeBigUInt64LE(BigInt(FIRST_EXTENT - 4096), 112);
  label.writeUInt32LE(lvmChecksum(label.subarray(20)), 16);
  const area = disk.subarray(4096, FIRST_EXTENT);
  area.write(' LVM2 x[5A%r0N*>', 4, 'latin1');
  area.writeUInt32LE(1, 20);
  area.writeBigUInt64LE(4096n, 24);
  area.writeBigUInt64LE(BigInt(area.length), 32);
  if (isIgnored) area.writeUInt32LE(1, 60);
  if (text !== null) {
    const bytes = Buffer.from(`${text}\0`, 'latin1');
    area.writeBigUInt64LE(BigInt(textAt), 40);
    area.writeBigUInt64LE(BigInt(bytes.length), 48);
    area.writeUInt32LE(lvmChecksum(bytes), 56);
    const copied = bytes.copy(area, textAt);
    bytes.copy(area, 512, copied);
  }
  area.writeUInt32LE(lvmChecksum(area.subarray(4, 512)), 0);
  return disk;
}
