/**
 * The VMs of a server with their places in the inventory tree. One container view holds VMs and everything that names
 * their path (folders, datacenters, hosts); vApps, which are rare, are asked for afterwards.
 *
 * vSphere writes `/`, `\` and `%` inside names as %2f, %5c and %25: paths keep them so, names are shown without.
 */
import { toAppError } from '../base/errors.ts';
import {
  asList,
  type Fields,
  readBytes,
  readMoref,
  readOptionalFlag,
  readOptionalMoref,
  readOptionalText,
} from './fields.ts';
import { type Moref } from './moref.ts';
import {
  type ObjectProperties,
  overRenewals,
  type PropertySpec,
  retrieveProperties,
} from './property-collector.ts';
import { type VsphereSession } from './session.ts';
import { readDisks } from './virtual-disk.ts';

export interface InventoryVm {
  readonly moref: string;
  readonly name: string;
  /** `/DC0/vm/folder/name` */
  readonly inventoryPath: string;
  /** Empty for a VM without readable configuration. */
  readonly instanceUuid: string;
  readonly biosUuid: string;
  readonly template: boolean;
  /** `poweredOn`, `poweredOff`, `suspended` */
  readonly powerState: string;
  /** `connected`, `disconnected`, `inaccessible`, `invalid`, `orphaned` */
  readonly connectionState: string;
  readonly guestId: string;
  /** The number in `vmx-19`; 0 when not known. */
  readonly hardwareVersion: number;
  readonly changeTrackingSupported: boolean;
  readonly changeTrackingEnabled: boolean;
  /** Name of the host it is registered on. */
  readonly host: string | null;
  readonly disks: readonly { readonly key: number; readonly label: string; readonly capacityBytes: number }[];
  readonly provisionedBytes: number;
}

const vmPaths: readonly string[] = [
  'name',
  'parent',
  'parentVApp',
  'capability.changeTrackingSupported',
  'config.changeTrackingEnabled',
  'config.guestId',
  'config.hardware.device',
  'config.instanceUuid',
  'config.template',
  'config.uuid',
  'config.version',
  'runtime.connectionState',
  'runtime.host',
  'runtime.powerState',
  'summary.storage.committed',
  'summary.storage.uncommitted',
];
const treePaths: readonly string[] = ['name', 'parent'];
const propSet: readonly PropertySpec[] = [
  { type: 'VirtualMachine', pathSet: vmPaths },
  { type: 'Folder', pathSet: treePaths },
  { type: 'Datacenter', pathSet: treePaths },
  { type: 'HostSystem', pathSet: ['name'] },
];

/** vCenter allows far fewer nested folders and vApps. */
const MAX_TREE_DEPTH = 64;

interface Place {
  readonly name: string;
  readonly parent: string | undefined;
}

/** Every VM that the account may see, those that are inaccessible too, with what is known of them. */
export function listVms(session: VsphereSession, signal: AbortSignal): Promise<readonly InventoryVm[]> {
  return overRenewals(async () => {
    const objects = await retrieveAll(session, signal);
    const places = readPlaces(objects);
    await addVApps(session, { objects, places }, signal);
    return objects
      .filter((object) => object.moref.type === 'VirtualMachine')
      .map((vm) => readInventoryVm(vm, places));
  });
}

async function retrieveAll(
  session: VsphereSession,
  signal: AbortSignal,
): Promise<readonly ObjectProperties[]> {
  const { rootFolder, viewManager } = session.content;
  const type = propSet.map((spec) => spec.type);
  const wanted = { _this: viewManager, container: rootFolder, type, recursive: true };
  const created = await session.call('CreateContainerView', wanted, { signal, idempotent: true });
  const view = readMoref({ created }, 'created');
  try {
    const members = {
      $type: 'TraversalSpec',
      name: 'members',
      type: 'ContainerView',
      path: 'view',
      skip: false,
    };
    return await retrieveProperties(
      session,
      propSet,
      [{ obj: view, skip: true, selectSet: [members] }],
      signal,
    );
  } finally {
    await dropView(session, view);
  }
}

async function dropView(session: VsphereSession, view: Moref): Promise<void> {
  try {
    const signal = AbortSignal.timeout(10_000);
    await session.call('DestroyView', { _this: view }, { signal, idempotent: false });
  } catch (error) {
    session.log.debug('View was not dropped', { error: toAppError(error) });
  }
}

function readPlaces(objects: readonly ObjectProperties[]): Map<string, Place> {
  const places = new Map<string, Place>();
  for (const { moref, props } of objects) {
    if (moref.type === 'VirtualMachine') continue;
    const name = readOptionalText(props, 'name') ?? moref.value;
    places.set(moref.value, { name, parent: readOptionalMoref(props, 'parent')?.value });
  }
  return places;
}

/** vApps hang in a folder by `parentFolder`, or in another vApp by `parent`. */
async function addVApps(
  session: VsphereSession,
  tree: { readonly objects: readonly ObjectProperties[]; readonly places: Map<string, Place> },
  signal: AbortSignal,
): Promise<void> {
  let missing = distinct(tree.objects.map((object) => readOptionalMoref(object.props, 'parentVApp')));
  for (let depth = 0; missing.length > 0 && depth < MAX_TREE_DEPTH; depth++) {
    const spec = { type: 'VirtualApp', pathSet: ['name', 'parent', 'parentFolder'] };
    const vapps = await retrieveProperties(
      session,
      [spec],
      missing.map((obj) => ({ obj })),
      signal,
    );
    const outer: (Moref | null)[] = [];
    for (const { moref, props } of vapps) {
      const folder = readOptionalMoref(props, 'parentFolder');
      const parent = readOptionalMoref(props, 'parent');
      const name = readOptionalText(props, 'name') ?? moref.value;
      tree.places.set(moref.value, { name, parent: (folder ?? parent)?.value });
      if (folder === null && parent?.type === 'VirtualApp' && !tree.places.has(parent.value))
        outer.push(parent);
    }
    missing = distinct(outer);
  }
}

function distinct(refs: readonly (Moref | null)[]): readonly Moref[] {
  return [...new Map(refs.flatMap((ref) => (ref === null ? [] : [[ref.value, ref] as const]))).values()];
}

function readInventoryVm(
  { moref, props }: ObjectProperties,
  places: ReadonlyMap<string, Place>,
): InventoryVm {
  const text = (path: string): string => readOptionalText(props, path) ?? '';
  const name = readOptionalText(props, 'name') ?? moref.value;
  const parent = readOptionalMoref(props, 'parent') ?? readOptionalMoref(props, 'parentVApp');
  const host = readOptionalMoref(props, 'runtime.host');
  const disks = readDisks(asList(props['config.hardware.device']));
  return {
    moref: moref.value,
    name: decodeName(name),
    inventoryPath: `${pathOf(parent?.value, places)}/${name}`,
    instanceUuid: text('config.instanceUuid'),
    biosUuid: text('config.uuid'),
    template: readOptionalFlag(props, 'config.template') ?? false,
    powerState: text('runtime.powerState'),
    connectionState: text('runtime.connectionState'),
    guestId: text('config.guestId'),
    hardwareVersion: parseHardwareVersion(text('config.version')),
    changeTrackingSupported: readOptionalFlag(props, 'capability.changeTrackingSupported') ?? false,
    changeTrackingEnabled: readOptionalFlag(props, 'config.changeTrackingEnabled') ?? false,
    host: host === null ? null : (places.get(host.value)?.name ?? host.value),
    disks: disks.map(({ key, label, capacityBytes }) => ({ key, label, capacityBytes })),
    provisionedBytes: provisioned(props) ?? disks.reduce((sum, disk) => sum + disk.capacityBytes, 0),
  };
}

function provisioned(props: Fields): number | undefined {
  if (props['summary.storage.committed'] === undefined) return undefined;
  const uncommitted =
    props['summary.storage.uncommitted'] === undefined ? 0 : readBytes(props, 'summary.storage.uncommitted');
  return readBytes(props, 'summary.storage.committed') + uncommitted;
}

/** The root folder is outside the view and so ends the path. */
function pathOf(start: string | undefined, places: ReadonlyMap<string, Place>): string {
  const names: string[] = [];
  let next = start;
  for (let depth = 0; next !== undefined && depth < MAX_TREE_DEPTH; depth++) {
    const place = places.get(next);
    if (place === undefined) break;
    names.unshift(place.name);
    next = place.parent;
  }
  return names.map((name) => `/${name}`).join('');
}

/** A name as people gave it: vSphere escapes slash, backslash and percent, and nothing else. */
export function decodeName(name: string): string {
  return name.replaceAll(/%2f|%5c|%25/gi, (escaped) => decodeURIComponent(escaped));
}

/** `vmx-19` → 19; 0 when it is something else. */
export function parseHardwareVersion(version: string): number {
  const match = /^vmx-(\d{1,4})$/.exec(version);
  return match === null ? 0 : Number(match[1]);
}
