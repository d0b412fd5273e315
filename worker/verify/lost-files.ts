/**
 * Which files of a disk lie where it has lost bytes. The file system is read out of the restore point itself, so what can be said
 * depends on what is left of it: where names are not to be had, the reason is part of the answer.
 */
import { hasCode } from '../../shared/base/errors.ts';
import { SECTOR_BYTES } from '../../shared/base/units.ts';
import { type LostVolume, MAX_REPORT_LIST } from '../../shared/contract/device-report.ts';
import {
  type ExtentSet,
  normalize,
  shift,
  slice,
  subtract,
  totalLength,
} from '../../shared/domain/extent.ts';
import { type DiskBytes } from '../filter/disk-bytes.ts';
import { ntfsFilesAt } from '../filter/ntfs/files-at.ts';
import { HEAD_BYTES, detectFileSystem } from '../filter/partitions/signatures.ts';
import { type VolumePlace, findVolumes } from '../filter/partitions/volumes.ts';
import { type VolumeBytes, volumeBytesOf } from '../filter/volume-bytes.ts';

/** A report with a hundred of the longest paths that there can be would be some megabytes. */
const MAX_PATH_LENGTH = 1024;

type LostFile = LostVolume['files'][number];

export interface LostFiles {
  /** Volumes that have lost something, by start. */
  readonly volumes: readonly LostVolume[];
  /** Lost bytes in no volume: partition tables and gaps. */
  readonly outsideBytes: number;
  /** Why volumes may be missing here; null when none are. */
  readonly reason: string | null;
}

/**
 * Looks at what is `lost` of the disk; at most `MAX_REPORT_LIST` files are named in all.
 * @throws what the disk's reader throws but for lost bytes; the signal's reason
 */
export async function filesOfLosses(disk: DiskBytes, lost: ExtentSet): Promise<LostFiles> {
  const layout = await orReason(() => findVolumes(disk));
  if (typeof layout === 'string') return { volumes: [], outsideBytes: totalLength(lost), reason: layout };
  const volumes: LostVolume[] = [];
  let left = MAX_REPORT_LIST;
  const touched = layout.volumes.filter((place) => lostIn(place, lost).length > 0).slice(0, MAX_REPORT_LIST);
  for (const place of touched) {
    const volume = await lostVolume(disk, place, { lost: lostIn(place, lost), maxFiles: left });
    left -= volume.files.length;
    volumes.push(volume);
  }
  const inVolumes = layout.volumes.map(({ startBytes: start, lengthBytes: length }) => ({ start, length }));
  const outsideBytes = totalLength(subtract(lost, normalize(inVolumes)));
  return { volumes, outsideBytes, reason: layout.problems[0] ?? null };
}

/** Bytes of the volume, counted from its first one. */
function lostIn({ startBytes, lengthBytes }: VolumePlace, lost: ExtentSet): ExtentSet {
  return shift(slice(lost, startBytes, startBytes + lengthBytes), -startBytes);
}

interface Wanted {
  readonly lost: ExtentSet;
  readonly maxFiles: number;
}

async function lostVolume(disk: DiskBytes, place: VolumePlace, wanted: Wanted): Promise<LostVolume> {
  const bytes = volumeBytesOf(disk, place.startBytes, place.lengthBytes);
  const fileSystem = await orReason(() => fileSystemOf(bytes));
  const volume = {
    startBytes: place.startBytes,
    lengthBytes: place.lengthBytes,
    lostBytes: totalLength(wanted.lost),
    files: [],
    moreFiles: 0,
    filesBytes: null,
  };
  if (typeof fileSystem === 'string') return { ...volume, fileSystem: 'unknown', reason: fileSystem };
  const { name } = fileSystem;
  if (name !== 'NTFS') {
    return { ...volume, fileSystem: name, reason: `files are not looked up in this file system: ${name}` };
  }
  const found = await orReason(() => ntfsFilesAt(bytes, wanted.lost, wanted.maxFiles));
  if (typeof found === 'string') return { ...volume, fileSystem: name, reason: found };
  const { files, moreFiles, unreadableRecords: records } = found;
  const unread = `${records} file ${records === 1 ? 'record' : 'records'}`;
  const reason = records === 0 ? null : `${unread} of the MFT cannot be read, and may be of more files`;
  return { ...volume, fileSystem: name, files: files.map(shown), moreFiles, filesBytes: found.bytes, reason };
}

function shown({ path, bytes }: LostFile): LostFile {
  return { path: path.length <= MAX_PATH_LENGTH ? path : `…${path.slice(-MAX_PATH_LENGTH)}`, bytes };
}

async function fileSystemOf(bytes: VolumeBytes): Promise<{ readonly name: string }> {
  const head = new Uint8Array(Math.min(HEAD_BYTES, bytes.lengthBytes));
  // the boot sector alone may be left
  if (typeof (await orReason(() => readStart(bytes, head))) === 'string')
    await readStart(bytes, head.fill(0).subarray(0, SECTOR_BYTES));
  return { name: detectFileSystem(head).fileSystem };
}

async function readStart(bytes: VolumeBytes, into: Uint8Array): Promise<Uint8Array> {
  await bytes.readInto(0, into);
  return into;
}

/** What `step` gives, or why the disk does not give it. */
async function orReason<T extends object>(step: () => Promise<T>): Promise<T | string> {
  try {
    return await step();
  } catch (error) {
    if (!hasCode(error, 'FS_STRUCTURE_INVALID')) throw error;
    return error.message;
  }
}
