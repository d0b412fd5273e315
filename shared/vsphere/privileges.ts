/** Which rights an account lacks, before the first snapshot is made. */
import { asList, asRecord, readOptionalFlag, readRecords, readText } from './fields.ts';
import { type Moref } from './moref.ts';
import { type VsphereSession } from './session.ts';

/** What reading a VM needs, on the VM. */
export const backupVmPrivileges: readonly string[] = [
  'VirtualMachine.State.CreateSnapshot',
  'VirtualMachine.State.RemoveSnapshot',
  'VirtualMachine.Config.ChangeTracking',
  'VirtualMachine.Provisioning.DiskRandomRead',
];

/** Names of the privileges that the session's account lacks on at least one of the objects. */
export async function missingPrivileges(
  session: VsphereSession,
  objects: readonly Moref[],
  privileges: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (objects.length === 0 || privileges.length === 0) return [];
  const args = {
    _this: session.content.authorizationManager,
    entity: objects,
    sessionId: session.sessionKey(),
    privId: privileges,
  };
  const answer = await session.call('HasPrivilegeOnEntities', args, { signal, idempotent: true });
  const missing = new Set<string>();
  for (const item of asList(answer)) {
    for (const right of readRecords(asRecord(item, 'EntityPrivilege'), 'privAvailability')) {
      if (readOptionalFlag(right, 'isGranted') !== true) missing.add(readText(right, 'privId'));
    }
  }
  return privileges.filter((privilege) => missing.has(privilege));
}
