/** What a restore needs beside the disks: the VM's configuration, and its firmware variables where it has some. */
import { toAppError } from '../../shared/base/errors.ts';
import { MiB } from '../../shared/base/units.ts';
import { type Warning } from '../../shared/contract/ipc.ts';
import { type StoredFile } from '../../shared/format/manifest.ts';
import { putFile } from '../../shared/repository/saveset-store.ts';
import { readSmallFile } from '../../shared/vsphere/datastore-files.ts';
import { type VsphereSession } from '../../shared/vsphere/session.ts';
import { type VmDetails } from '../../shared/vsphere/virtual-machine.ts';
import { type TaskContext } from '../task-context.ts';

/** A real one has 8.5 KiB (BIOS) to 264 KiB (EFI). */
const MAX_NVRAM_BYTES = 8 * MiB;

export interface StoredVmFiles {
  readonly files: readonly StoredFile[];
  readonly warnings: readonly Warning[];
}

/** Stores `vm-config.json` and `nvram`; a firmware file that cannot be read is a warning. */
export async function storeVmFiles(
  session: VsphereSession,
  vm: VmDetails,
  savesetId: string,
  context: TaskContext,
): Promise<StoredVmFiles> {
  const text = `${JSON.stringify({ vm: identityOf(vm), configuration: vm.configuration }, null, 2)}\n`;
  const configuration = await putFile(context.stream, savesetId, 'vm-config.json', Buffer.from(text));
  if (vm.nvramFile === null) return { files: [configuration], warnings: [] };
  const file = { datacenterPath: vm.datacenterPath, datastorePath: vm.nvramFile, maxBytes: MAX_NVRAM_BYTES };
  try {
    const bytes = await readSmallFile(session, file, context.signal);
    return { files: [configuration, await putFile(context.stream, savesetId, 'nvram', bytes)], warnings: [] };
  } catch (error) {
    context.signal.throwIfAborted();
    const known = toAppError(error);
    if (!known.code.startsWith('VSPHERE_') && !known.code.startsWith('AUTH_')) throw error;
    const message = `The firmware variables are not in the restore point: ${known.message}`;
    return { files: [configuration], warnings: [{ code: 'CONFIGURATION_INCOMPLETE', message }] };
  }
}

function identityOf(vm: VmDetails): Record<string, string | number> {
  const {
    name,
    moref,
    instanceUuid,
    biosUuid,
    inventoryPath,
    guestId,
    hardwareVersion,
    firmware,
    vmPathName,
  } = vm;
  return {
    name,
    moref,
    instanceUuid,
    biosUuid,
    inventoryPath,
    guestId,
    hardwareVersion,
    firmware,
    vmPathName,
  };
}
