/**
 * What the control side offers, as one table of operations with their arguments and results: the process
 * implements it (control.ts), SimProcess calls it. All of it is JSON.
 */
import { type CallFilter, type CallRecord } from './call-log.ts';
import { type DiskConfig, type VmConfig } from './config.ts';
import { type FaultRule, type RuleState } from './fault-rules.ts';

export interface SimStats {
  readonly snapshotsNow: number;
  /** Most snapshots that existed at one time over all machines. */
  readonly snapshotsPeak: number;
  readonly snapshotsCreated: number;
  readonly byVm: Readonly<
    Record<string, { readonly now: number; readonly peak: number; readonly consolidationNeeded: boolean }>
  >;
  readonly sessionsNow: number;
  readonly logins: number;
  readonly folderRequests: number;
  readonly folderBytes: number;
}
export interface VmState {
  readonly moref: string;
  readonly host: string;
  readonly powerState: string;
  readonly trackingWanted: boolean;
  readonly trackingActive: boolean;
  readonly snapshots: readonly { readonly moref: string; readonly name: string }[];
  readonly disks: readonly {
    readonly key: number;
    readonly capacityBytes: number;
    readonly changeId: string | null;
    /** Paths on this machine, base first. */
    readonly files: readonly string[];
  }[];
}
export interface DiskAddress {
  readonly vm: string;
  readonly diskKey: number;
}

export interface ControlOperations {
  guestWrite: { in: DiskAddress & { patches: readonly { offset: number; base64: string }[] }; out: null };
  /** Turns one state of a fixture into another by writing the differences. */
  applyState: { in: DiskAddress & { fixture: string; from: string; to: string }; out: null };
  /** Copies the disk as the guest sees it now (or a snapshot froze it) into a raw file. */
  exportDisk: { in: DiskAddress & { path: string; snapshot?: string }; out: null };
  setVm: {
    in: {
      vm: string;
      powerState?: 'poweredOn' | 'poweredOff';
      toolsRunning?: boolean;
      connectionState?: string;
      consolidationNeeded?: boolean;
      host?: string;
      question?: string | null;
      disabledMethods?: readonly string[];
    };
    out: null;
  };
  vmState: { in: { vm: string }; out: VmState };
  addVm: { in: { vm: VmConfig }; out: { moref: string } };
  destroyVm: { in: { vm: string }; out: null };
  addDisk: { in: { vm: string; disk: DiskConfig }; out: { key: number } };
  removeDisk: { in: DiskAddress; out: null };
  resizeDisk: { in: DiskAddress & { capacityBytes: number }; out: null };
  /** New epochs for all disks of a machine, as after a crash of its host. */
  resetTracking: { in: { vm: string }; out: null };
  createSnapshot: { in: { vm: string; name: string }; out: { moref: string } };
  removeAllSnapshots: { in: { vm: string }; out: null };
  setHost: {
    in: {
      host: string;
      connectionState?: 'connected' | 'disconnected' | 'notResponding';
      inMaintenance?: boolean;
    };
    out: null;
  };
  setDatastore: { in: { datastore: string; freeBytes: number }; out: null };
  expireSessions: { in: Record<string, never>; out: null };
  fault: { in: { rule: FaultRule }; out: { id: number } };
  faults: { in: Record<string, never>; out: readonly RuleState[] };
  clearFaults: { in: Record<string, never>; out: null };
  calls: { in: { filter: CallFilter }; out: readonly CallRecord[] };
  clearCalls: { in: Record<string, never>; out: null };
  stats: { in: Record<string, never>; out: SimStats };
  /** Answers when no task is under way. */
  idle: { in: Record<string, never>; out: null };
}
export type ControlName = keyof ControlOperations;
export type ControlIn<N extends ControlName> = ControlOperations[N]['in'];
export type ControlOut<N extends ControlName> = ControlOperations[N]['out'];
export type ControlTable = {
  readonly [N in ControlName]: (input: ControlIn<N>) => Promise<ControlOut<N>> | ControlOut<N>;
};
