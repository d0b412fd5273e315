/** One VM as a backup sees it: its state, its disks, and a configuration from which it can be made anew. */
import { AppError } from '../base/errors.ts';
import {
  type Fields,
  readOptionalFlag,
  readOptionalMoref,
  readOptionalRecord,
  readOptionalText,
  readRecords,
} from './fields.ts';
import { decodeName, parseHardwareVersion } from './inventory.ts';
import { type Moref, moref } from './moref.ts';
import {
  type ObjectProperties,
  overRenewals,
  readObjectProperties,
  retrieveProperties,
} from './property-collector.ts';
import { type VsphereSession } from './session.ts';
import { readDevices, readDisks, type VmDisk } from './virtual-disk.ts';
import { type Json, keptConfiguration } from './vm-configuration.ts';
import { parseDatastorePath } from './datastore-path.ts';

export interface VmDetails {
  readonly moref: string;
  readonly name: string;
  readonly instanceUuid: string;
  readonly biosUuid: string;
  readonly inventoryPath: string;
  readonly guestId: string;
  readonly hardwareVersion: number;
  readonly powerState: string;
  readonly connectionState: string;
  readonly template: boolean;
  readonly changeTrackingSupported: boolean;
  readonly changeTrackingEnabled: boolean;
  readonly hasSnapshots: boolean;
  readonly consolidationNeeded: boolean;
  /** Text of the question that the VM waits for, or null. */
  readonly question: string | null;
  /** `bios` or `efi`. */
  readonly firmware: string;
  /** `guestToolsRunning`, `guestToolsNotRunning` …; null when not told. */
  readonly toolsStatus: string | null;
  /** Moref value of its host. */
  readonly hostMoref: string | null;
  /** `[datastore] folder/name.vmx` */
  readonly vmPathName: string;
  /** `[datastore] folder/name.nvram`, or null. */
  readonly nvramFile: string | null;
  /** `DC0`, with its folders before it; `dcPath` of /folder. */
  readonly datacenterPath: string;
  readonly disks: readonly VmDisk[];
  /** Plain JSON; see vm-configuration.ts. */
  readonly configuration: Json;
}

const paths: readonly string[] = [
  'name',
  'capability.changeTrackingSupported',
  'config.annotation',
  'config.bootOptions',
  'config.changeTrackingEnabled',
  'config.extraConfig',
  'config.files',
  'config.firmware',
  'config.guestFullName',
  'config.guestId',
  'config.hardware',
  'config.instanceUuid',
  'config.template',
  'config.uuid',
  'config.version',
  'guest.toolsRunningStatus',
  'runtime.connectionState',
  'runtime.consolidationNeeded',
  'runtime.host',
  'runtime.powerState',
  'runtime.question',
  'snapshot',
];

/**
 * The VM as it is now.
 * @throws AppError `VSPHERE_OBJECT_GONE`; `VSPHERE_INVALID_STATE` when its configuration cannot be read
 */
export async function readVm(session: VsphereSession, vm: string, signal: AbortSignal): Promise<VmDetails> {
  const target = moref('VirtualMachine', vm);
  const props = await readObjectProperties(session, target, paths, signal);
  const state = readOptionalText(props, 'runtime.connectionState') ?? 'unknown';
  const hardware = readOptionalRecord(props, 'config.hardware');
  if (state !== 'connected' || hardware === undefined) throw notReadable(vm, props, state);
  const ancestors = await readAncestors(session, target, signal);
  return details(vm, props, ancestors);
}

function notReadable(vm: string, props: Fields, state: string): AppError {
  const name = readOptionalText(props, 'name') ?? vm;
  return new AppError('VSPHERE_INVALID_STATE', `Cannot read "${name}": its connection state is "${state}"`, {
    vm,
    connectionState: state,
  });
}

function details(vm: string, props: Fields, ancestors: readonly Ancestor[]): VmDetails {
  const text = (path: string): string => readOptionalText(props, path) ?? '';
  const flag = (path: string): boolean => readOptionalFlag(props, path) ?? false;
  const name = text('name');
  const files = readOptionalRecord(props, 'config.files') ?? {};
  const snapshots = readOptionalRecord(props, 'snapshot');
  const question = readOptionalRecord(props, 'runtime.question');
  const vmPathName = readOptionalText(files, 'vmPathName') ?? '';
  const names = ancestors.map((ancestor) => ancestor.name);
  const datacenter = ancestors.findIndex((ancestor) => ancestor.type === 'Datacenter');
  return {
    moref: vm,
    name: decodeName(name),
    instanceUuid: text('config.instanceUuid'),
    biosUuid: text('config.uuid'),
    inventoryPath: `/${[...names, name].join('/')}`,
    guestId: text('config.guestId'),
    hardwareVersion: parseHardwareVersion(text('config.version')),
    powerState: text('runtime.powerState'),
    connectionState: text('runtime.connectionState'),
    template: flag('config.template'),
    changeTrackingSupported: flag('capability.changeTrackingSupported'),
    changeTrackingEnabled: flag('config.changeTrackingEnabled'),
    hasSnapshots: snapshots !== undefined && readRecords(snapshots, 'rootSnapshotList').length > 0,
    consolidationNeeded: flag('runtime.consolidationNeeded'),
    question: question === undefined ? null : readOptionalText(question, 'text'),
    firmware: text('config.firmware') || 'bios',
    toolsStatus: readOptionalText(props, 'guest.toolsRunningStatus'),
    hostMoref: readOptionalMoref(props, 'runtime.host')?.value ?? null,
    vmPathName,
    nvramFile: nvramPath(props['config.extraConfig'], vmPathName),
    datacenterPath: names.slice(0, datacenter + 1).join('/'),
    disks: readDisks(readDevices(readOptionalRecord(props, 'config.hardware'))),
    configuration: keptConfiguration(props),
  };
}

/** The option `nvram` names the file beside the VM's own, or a whole datastore path. */
function nvramPath(extraConfig: unknown, vmPathName: string): string | null {
  const options = readRecords({ extraConfig }, 'extraConfig');
  const value = options.find((option) => option['key'] === 'nvram')?.['value'];
  const home = parseDatastorePath(vmPathName);
  if (typeof value !== 'string' || value === '' || home === undefined) return null;
  if (parseDatastorePath(value) !== undefined) return value;
  const folder = home.path.includes('/') ? home.path.slice(0, home.path.lastIndexOf('/') + 1) : '';
  return value.startsWith('/') ? null : `[${home.datastore}] ${folder}${value}`;
}

interface Ancestor {
  readonly type: string;
  readonly name: string;
}

/** From the outermost below the root to the VM's own folder, read in one call that walks up by itself. */
async function readAncestors(
  session: VsphereSession,
  vm: Moref,
  signal: AbortSignal,
): Promise<readonly Ancestor[]> {
  const up = { $type: 'TraversalSpec', name: 'up', type: 'ManagedEntity', path: 'parent', skip: false };
  const upwards = { ...up, selectSet: [{ name: 'up' }] };
  const vApp = {
    ...up,
    name: 'vapp',
    type: 'VirtualMachine',
    path: 'parentVApp',
    selectSet: [{ name: 'up' }],
  };
  const found = await overRenewals(() =>
    retrieveProperties(
      session,
      [{ type: 'ManagedEntity', pathSet: ['name', 'parent'] }],
      [{ obj: vm, skip: true, selectSet: [upwards, vApp] }],
      signal,
    ),
  );
  return orderAncestors(found, session.content.rootFolder.value);
}

/** The objects come in no order: links of child to parent give it. The one that is nobody's parent is the innermost. */
function orderAncestors(found: readonly ObjectProperties[], root: string): readonly Ancestor[] {
  const parentOf = new Map(
    found.map((item) => [item.moref.value, readOptionalMoref(item.props, 'parent')?.value]),
  );
  const parents = new Set(parentOf.values());
  const byValue = new Map(found.map((item) => [item.moref.value, item]));
  const ordered: Ancestor[] = [];
  let next: string | undefined = found.find((item) => !parents.has(item.moref.value))?.moref.value;
  while (next !== undefined && next !== root && ordered.length <= found.length) {
    const item = byValue.get(next);
    if (item === undefined) break;
    ordered.unshift({ type: item.moref.type, name: readOptionalText(item.props, 'name') ?? next });
    next = parentOf.get(next);
  }
  return ordered;
}
