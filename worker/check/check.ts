/** What one check of a device works with, and what it has found so far. The steps are in check-*.ts, their order in check-device.ts. */
import { type AppError, hasCode } from '../../shared/base/errors.ts';
import { type KnownState } from '../../shared/contract/ipc.ts';
import { type DeviceHeader } from '../../shared/format/device-header.ts';
import { packName } from '../../shared/format/names.ts';
import { type EntryPlace } from '../../shared/format/pack-directory.ts';
import { CHUNK_HEADER_BYTES } from '../../shared/format/pack.ts';
import { type RecordPlace } from '../../shared/repository/damage-marks.ts';
import { type DeviceCipher } from '../../shared/repository/device-cipher.ts';
import { type OpenDevice } from '../../shared/repository/device.ts';
import { type Storage } from '../../shared/repository/storage.ts';
import { Directories } from './directories.ts';
import { CheckFindings, PointSet } from './findings.ts';
import { type Survey } from './survey.ts';

/** A device to be checked. Without its key what is encrypted is checked from outside only. */
export interface CheckedDevice {
  readonly storage: Storage;
  readonly header: DeviceHeader;
  readonly cipher: DeviceCipher | null;
}

export interface CheckOptions {
  readonly signal: AbortSignal;
  /** Read every payload. */
  readonly payloads: boolean;
  readonly nowMs: number;
  /** Asked for attempts and unsealed savesets. */
  statesOf(ids: readonly string[]): Promise<ReadonlyMap<string, KnownState>>;
  /** What has been looked at: objects, or with payloads their bytes. */
  progress(what: string, done: number, total: number, unit: 'objects' | 'bytes'): void;
}

/** What is wrong with one pack. */
export interface PackFault {
  /** Of header, footer and directory. */
  readonly reasons: string[];
  /** Records that cannot be read back, and those among them without a mark. */
  bad: number;
  unmarked: number;
  /** Chunks that restore points need of it, and that are nowhere else. */
  lost: number;
  /** The same, but another record holds them. */
  elsewhere: number;
  readonly points: PointSet;
}

/** What a repair may do something about. */
export interface Repairable {
  /** Numbers of packs to be written anew from their sound records. */
  readonly packs: Set<number>;
  readonly marks: RecordPlace[];
  /** Attempts that are over. */
  readonly attempts: string[];
  /** Savesets without a seal. */
  readonly savesets: string[];
  /** Savesets whose seal is gone or damaged, all else being sound. */
  readonly seals: string[];
  readonly pins: string[];
  /** Sweeps whose list of packs cannot be read. */
  readonly sweeps: string[];
  /** Objects to be removed, by name. */
  readonly objects: string[];
  readonly partials: string[];
}

const MAX_MARKS = 65_536;

export class Check {
  readonly device: CheckedDevice;
  readonly options: CheckOptions;
  readonly survey: Survey;
  readonly directories: Directories;
  readonly found = new CheckFindings();
  readonly packFaults = new Map<number, PackFault>();
  readonly counts = { compared: 0, payloadBytes: 0, recordBytes: 0, usedBytes: 0, points: 0, lostChunks: 0 };
  /** Checks that could not be made, and why. */
  readonly leftOut: string[] = [];
  readonly repairable: Repairable = {
    packs: new Set(),
    marks: [],
    attempts: [],
    savesets: [],
    seals: [],
    pins: [],
    sweeps: [],
    objects: [],
    partials: [],
  };

  constructor(device: CheckedDevice, options: CheckOptions, survey: Survey) {
    this.device = device;
    this.options = options;
    this.survey = survey;
    this.directories = new Directories(device.storage, survey.packs, options.signal);
  }

  get storage(): Storage {
    return this.device.storage;
  }

  get signal(): AbortSignal {
    return this.options.signal;
  }

  /** The device with its key, or undefined. */
  get opened(): OpenDevice | undefined {
    const { storage, header, cipher } = this.device;
    return cipher === null ? undefined : { storage, header, cipher };
  }

  faultOf(pack: number): PackFault {
    const known = this.packFaults.get(pack);
    if (known !== undefined) return known;
    const fault = { reasons: [], bad: 0, unmarked: 0, lost: 0, elsewhere: 0, points: new PointSet() };
    this.packFaults.set(pack, fault);
    return fault;
  }

  /** Notes that record `i` of a pack cannot be read back. */
  badRecord(pack: number, i: number, entry: Pick<EntryPlace, 'offset'>): void {
    const { packs, marks } = this.survey;
    const { packId } = packs.place(pack);
    packs.bad.set(packs.recordNo(pack, i));
    const fault = this.faultOf(pack);
    fault.bad++;
    if (marks.has(`${packId}.${entry.offset}`)) return;
    fault.unmarked++;
    if (this.repairable.marks.length < MAX_MARKS)
      this.repairable.marks.push({ packId, offset: entry.offset });
  }

  /** Notes that a restore point uses record `i` of a pack. */
  useRecord(pack: number, i: number, storedLength: number): void {
    const { packs } = this.survey;
    const record = packs.recordNo(pack, i);
    if (packs.used.has(record)) return;
    packs.used.set(record);
    this.counts.usedBytes += CHUNK_HEADER_BYTES + storedLength;
  }

  packName(pack: number): string {
    return packName(this.survey.packs.place(pack).packId);
  }
}

/** Whether an error says that an object is not what it should be, not that the device is away. */
export function isDamage(error: unknown): error is AppError {
  return hasCode(
    error,
    'FORMAT_INVALID',
    'FORMAT_VERSION_UNKNOWN',
    'REPO_OBJECT_MISSING',
    'REPO_READ_FAILED',
  );
}

/** `it is damaged`, of "Cannot use the directory of pack …: it is damaged". */
export function reasonOf(error: AppError): string {
  return error.message.replace(/^Cannot (use|read) /, '').slice(0, 300);
}

/** Why a step says that something is damaged; undefined when it does not. */
export async function faultOf(step: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await step();
    return undefined;
  } catch (error) {
    if (isDamage(error)) return reasonOf(error);
    throw error;
  }
}
