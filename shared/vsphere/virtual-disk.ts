/**
 * VirtualDisk devices as domain values. The backing's type says how the disk is stored; ChangeIds exist only on the flat,
 * sparse (version 2), SeSparse and raw mapping backings.
 *
 * Source: vSphere Web Services API 7.0.3, VirtualDisk and its backing types.
 */
import { AppError } from '../base/errors.ts';
import { KiB, MAX_DISK_BYTES } from '../base/units.ts';
import { parseDatastorePath } from './datastore-path.ts';
import {
  asRecord,
  type Fields,
  readBytes,
  readOptionalFlag,
  readOptionalRecord,
  readOptionalText,
  readOptionalWhole,
  readRecords,
  readWhole,
} from './fields.ts';

export interface VmDisk {
  readonly key: number;
  readonly label: string;
  readonly capacityBytes: number;
  readonly uuid: string | null;
  /** `[datastore] folder/name.vmdk`; empty when the backing has no file. */
  readonly fileName: string;
  readonly datastore: string;
  /** `persistent`, `independent_persistent` … */
  readonly mode: string;
  readonly thin: boolean | null;
  readonly changeId: string | null;
  readonly contentId: string | null;
  readonly rdm: 'none' | 'virtual' | 'physical';
  /** `sharingMultiWriter`, or the bus sharing of its controller; null when not shared. */
  readonly sharing: string | null;
  readonly backingType: string;
  readonly parentFileName: string | null;
  readonly controllerKey: number;
  readonly unitNumber: number | null;
}

export interface DiskExclusion {
  readonly code: 'DISK_NOT_IN_IMAGE';
  readonly reason: string;
}

/** The disks among decoded devices, in their order. */
export function readDisks(devices: readonly unknown[]): readonly VmDisk[] {
  const all = devices.map((device) => asRecord(device, 'device'));
  return all.filter((device) => device['$type'] === 'VirtualDisk').map((device) => readDisk(device, all));
}

function readDisk(device: Fields, all: readonly Fields[]): VmDisk {
  const backing = readOptionalRecord(device, 'backing') ?? {};
  const backingType = typeof backing['$type'] === 'string' ? backing['$type'] : 'unknown';
  const fileName = readOptionalText(backing, 'fileName') ?? '';
  const controllerKey = readOptionalWhole(device, 'controllerKey') ?? 0;
  const key = readWhole(device, 'key');
  const parent = readOptionalRecord(backing, 'parent');
  return {
    key,
    label: readOptionalText(readOptionalRecord(device, 'deviceInfo') ?? {}, 'label') ?? `Disk ${key}`,
    capacityBytes: readCapacity(device),
    uuid: readOptionalText(backing, 'uuid'),
    fileName,
    datastore: parseDatastorePath(fileName)?.datastore ?? '',
    mode: readOptionalText(backing, 'diskMode') ?? 'persistent',
    thin: readOptionalFlag(backing, 'thinProvisioned'),
    changeId: nonEmpty(readOptionalText(backing, 'changeId')),
    contentId: nonEmpty(readOptionalText(backing, 'contentId')),
    rdm: rdmOf(backingType, backing),
    sharing: sharingOf(backing, controllerKey, all),
    backingType,
    parentFileName: parent === undefined ? null : readOptionalText(parent, 'fileName'),
    controllerKey,
    unitNumber: readOptionalWhole(device, 'unitNumber'),
  };
}

/** Disks that are not tracked have no ChangeId, or an empty one. */
function nonEmpty(text: string | null): string | null {
  return text === '' ? null : text;
}

function readCapacity(device: Fields): number {
  const exact = readOptionalWhole(device, 'capacityInBytes');
  const bytes =
    exact === null ? readBytes(device, 'capacityInKB') * KiB : readBytes(device, 'capacityInBytes');
  if (bytes > MAX_DISK_BYTES) {
    throw new AppError('VSPHERE_ANSWER_INVALID', 'Cannot read the answer: a disk is larger than can be', {
      bytes,
    });
  }
  return bytes;
}

function rdmOf(backingType: string, backing: Fields): VmDisk['rdm'] {
  if (
    backingType.startsWith('VirtualDiskRawDiskVer2') ||
    backingType.startsWith('VirtualDiskPartitionedRaw')
  ) {
    return 'physical';
  }
  if (!backingType.startsWith('VirtualDiskRawDiskMapping')) return 'none';
  return readOptionalText(backing, 'compatibilityMode') === 'virtualMode' ? 'virtual' : 'physical';
}

function sharingOf(backing: Fields, controllerKey: number, all: readonly Fields[]): string | null {
  const own = readOptionalText(backing, 'sharing');
  if (own !== null && own !== 'sharingNone') return own;
  const controller = all.find((device) => device['key'] === controllerKey);
  const bus = controller === undefined ? undefined : controller['sharedBus'];
  return typeof bus === 'string' && bus !== 'noSharing' ? bus : null;
}

/** Why a disk cannot be part of a snapshot, or undefined when it can. */
export function whyDiskNotInImage(disk: VmDisk): DiskExclusion | undefined {
  const reason = exclusionReason(disk);
  return reason === undefined ? undefined : { code: 'DISK_NOT_IN_IMAGE', reason };
}

function exclusionReason(disk: VmDisk): string | undefined {
  if (disk.mode.startsWith('independent')) return `its mode is ${disk.mode}, which snapshots leave out`;
  if (disk.rdm === 'physical') return 'it is a raw device mapping in physical mode';
  if (disk.sharing === 'sharingMultiWriter') return 'it is shared by several VMs as multi-writer';
  if (disk.sharing !== null) return `its controller shares its bus (${disk.sharing})`;
  return readRefusedMode(disk.mode);
}

/** Modes that drop writes at power-off or undo them: what is read is not what the guest keeps. */
function readRefusedMode(mode: string): string | undefined {
  return mode === 'nonpersistent' || mode === 'undoable' || mode === 'append'
    ? `its mode is ${mode}`
    : undefined;
}

/** The devices of a `hardware` property. */
export function readDevices(hardware: Fields | undefined): readonly Fields[] {
  return hardware === undefined ? [] : readRecords(hardware, 'device');
}
