/** What the dispatcher needs of the world, so that its tests need no device and no vSphere. app.ts gives the real ones. */
import { type DeviceAccess, type ServerAccess } from '../../shared/contract/ipc.ts';
import { type SavesetDiskRecord } from '../catalog/saveset-disks.ts';
import { type SavesetRecord } from '../catalog/saveset-rows.ts';

/** A manifest on a device, and the digest of its bytes. */
export interface StoredSaveset {
  readonly sha256: string;
  readonly record: SavesetRecord;
  readonly disks: readonly SavesetDiskRecord[];
  /** Savesets that it replaces. */
  readonly standsFor: readonly string[];
}

/** Savesets on devices. Every call opens the device anew and checks that it is the one that is meant. */
export interface SavesetKeeper {
  /** Why the device cannot be used now; undefined when it can. */
  whyOffline(device: DeviceAccess): Promise<string | undefined>;
  /**
   * The same with its master key, for a worker; without one where it is not encrypted or its password is not known here.
   * @throws AppError `REPO_KEY_WRONG`, or what the device says
   */
  withKey(device: DeviceAccess): Promise<DeviceAccess>;
  /** @throws AppError `REPO_OBJECT_MISSING`, `FORMAT_INVALID`, `DEVICE_OFFLINE` */
  read(device: DeviceAccess, savesetId: string): Promise<StoredSaveset>;
  isSealed(device: DeviceAccess, savesetId: string): Promise<boolean>;
  seal(device: DeviceAccess, savesetId: string, by: { token: number; sealedAt: string }): Promise<void>;
  /** Gives a saveset the pin of another, where that one has one and itself has none. */
  carryPin(device: DeviceAccess, fromId: string, toId: string): Promise<void>;
  /** Removes a saveset, the seal first; what is gone already is no error. */
  remove(device: DeviceAccess, savesetId: string): Promise<void>;
  /** Removes what an attempt wrote; nothing to remove is fine. */
  discard(device: DeviceAccess, savesetId: string): Promise<void>;
  /** Ends the attempts on the device that are over, and removes what they wrote unless it is sealed; gives their ids. */
  clear(device: DeviceAccess, isOver: (attemptId: string) => boolean): Promise<readonly string[]>;
}

export interface SnapshotRef {
  readonly vmMoref: string;
  readonly snapshotName: string;
}

/** `absent` also when the VM itself is gone. */
export type Removal =
  | { readonly snapshotName: string; readonly result: 'removed' | 'absent' }
  | { readonly snapshotName: string; readonly result: 'failed'; readonly error: unknown };

export interface SnapshotCleaner {
  /** Finds each by its exact name and removes it, in one session. @throws AppError when there is no session */
  remove(
    server: ServerAccess,
    snapshots: readonly SnapshotRef[],
    signal: AbortSignal,
  ): Promise<readonly Removal[]>;
}

/** One worker process as its link sees it. */
export interface WorkerProcess {
  readonly pid: number;
  send(message: object): void;
  /** At once, without asking. */
  kill(): void;
  onMessage(listener: (raw: unknown) => void): void;
  /** Called once, with what is known of why. */
  onExit(listener: (how: string) => void): void;
}

/** Starts workers. */
export interface WorkerForge {
  /** @throws AppError `WORKER_START_FAILED` */
  fork(): WorkerProcess;
}
