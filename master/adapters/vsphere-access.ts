/** vSphere as the master needs it: short sessions for the inventory, a test of the account, and the janitor's removals. */
import { type Clock } from '../../shared/base/clock.ts';
import { hasCode } from '../../shared/base/errors.ts';
import { type Log } from '../../shared/base/log.ts';
import { type FingerprintView } from '../../shared/contract/servers.ts';
import { type ServerAccess } from '../../shared/contract/ipc.ts';
import { type InventoryVm, listVms } from '../../shared/vsphere/inventory.ts';
import { moref } from '../../shared/vsphere/moref.ts';
import { backupVmPrivileges, missingPrivileges } from '../../shared/vsphere/privileges.ts';
import { VsphereSession } from '../../shared/vsphere/session.ts';
import { waitForSnapshotTasks } from '../../shared/vsphere/snapshot-tasks.ts';
import { findSnapshotsByName, removeSnapshot } from '../../shared/vsphere/snapshots.ts';
import { readFingerprint } from '../../shared/vsphere/tls-pin.ts';
import { type Removal, type SnapshotCleaner, type SnapshotRef } from '../dispatch/ports.ts';

export interface ServerProbe {
  readonly fullName: string;
  readonly apiVersion: string;
  readonly vms: number;
  readonly missingPrivileges: readonly string[];
}

export interface VsphereAccess extends SnapshotCleaner {
  /** Proves that the login works. */
  login(server: ServerAccess, signal: AbortSignal): Promise<void>;
  listVms(server: ServerAccess, signal: AbortSignal): Promise<readonly InventoryVm[]>;
  probe(server: ServerAccess, signal: AbortSignal): Promise<ServerProbe>;
  fingerprint(url: string, signal: AbortSignal): Promise<FingerprintView>;
}

/** A right that is missing on one of so many VMs is found; asking for ten thousand would burden the server. */
const MAX_PROBED_VMS = 100;

export function vsphereAccess(options: { readonly clock: Clock; readonly log: Log }): VsphereAccess {
  const connect = (server: ServerAccess, signal: AbortSignal): Promise<VsphereSession> =>
    VsphereSession.connect({ ...server, ...options }, signal);
  return {
    async login(server, signal) {
      const session = await connect(server, signal);
      await session[Symbol.asyncDispose]();
    },
    async listVms(server, signal) {
      await using session = await connect(server, signal);
      return await listVms(session, signal);
    },
    async probe(server, signal) {
      await using session = await connect(server, signal);
      const vms = await listVms(session, signal);
      const objects = vms.slice(0, MAX_PROBED_VMS).map((vm) => moref('VirtualMachine', vm.moref));
      const missing = await missingPrivileges(session, objects, backupVmPrivileges, signal);
      const { fullName, apiVersion } = session.about;
      return { fullName, apiVersion, vms: vms.length, missingPrivileges: missing };
    },
    async fingerprint(url, signal) {
      const { fingerprint, distrust } = await readFingerprint(url, signal);
      return { fingerprint, trusted: distrust === null };
    },
    async remove(server, snapshots, signal) {
      await using session = await connect(server, signal);
      const removals: Removal[] = [];
      for (const snapshot of snapshots) removals.push(await removeOne(session, snapshot, signal));
      return removals;
    },
  };
}

async function removeOne(
  session: VsphereSession,
  snapshot: SnapshotRef,
  signal: AbortSignal,
): Promise<Removal> {
  const { snapshotName, vmMoref } = snapshot;
  try {
    await waitForSnapshotTasks(session, vmMoref, signal);
    const found = await findSnapshotsByName(session, vmMoref, snapshotName, signal);
    for (const { moref: snapshotMoref } of found) await removeSnapshot(session, snapshotMoref, signal);
    return { snapshotName, result: found.length > 0 ? 'removed' : 'absent' };
  } catch (error) {
    if (hasCode(error, 'VSPHERE_OBJECT_GONE')) return { snapshotName, result: 'absent' };
    return { snapshotName, result: 'failed', error };
  }
}
