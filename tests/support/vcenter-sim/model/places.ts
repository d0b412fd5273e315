/**
 * Everything around the machines: folders, the datacenter, the cluster with its hosts and pool, datastores.
 */
import { Moref, type Data, type Value } from '../values.ts';
import { type SimObject } from './inventory.ts';

const refsOf = (objects: Iterable<SimObject>): Moref[] => [...objects].map((object) => object.ref);

/** What every managed entity answers. */
export function entityProperty(
  name: string,
  self: { name: string; parent: SimObject | undefined },
): Value | undefined {
  switch (name) {
    case 'name':
      return self.name;
    case 'parent':
      return self.parent?.ref;
    case 'overallStatus':
    case 'configStatus':
      return 'green';
    case 'alarmActionsEnabled':
      return true;
    default:
      return undefined;
  }
}

export class SimFolder implements SimObject {
  readonly ref: Moref;
  readonly name: string;
  readonly parent: SimObject | undefined;
  readonly children: (SimObject & { readonly name: string })[] = [];
  readonly #childType: readonly string[];

  constructor(ref: Moref, name: string, parent: SimObject | undefined, childType: readonly string[]) {
    this.ref = ref;
    this.name = name;
    this.parent = parent;
    this.#childType = childType;
  }

  property(name: string): Value | undefined {
    if (name === 'childEntity') return refsOf(this.children);
    if (name === 'childType') return this.#childType;
    return entityProperty(name, this);
  }
}

export class SimDatacenter implements SimObject {
  readonly ref: Moref;
  readonly name: string;
  readonly parent: SimFolder;
  readonly folders: Record<'vm' | 'host' | 'datastore' | 'network', SimFolder>;
  readonly datastores: SimDatastore[] = [];
  readonly networks: SimNetwork[] = [];

  constructor(ref: Moref, name: string, parent: SimFolder) {
    this.ref = ref;
    this.name = name;
    this.parent = parent;
    const folder = (id: string, child: string, type: string): SimFolder =>
      new SimFolder(new Moref('Folder', id), child, this, ['Folder', type]);
    this.folders = {
      vm: folder('group-v3', 'vm', 'VirtualMachine'),
      host: folder('group-h4', 'host', 'ComputeResource'),
      datastore: folder('group-s5', 'datastore', 'Datastore'),
      network: folder('group-n6', 'network', 'Network'),
    };
  }

  property(name: string): Value | undefined {
    if (name === 'datastore') return refsOf(this.datastores);
    if (name === 'network') return refsOf(this.networks);
    const folder = /^(vm|host|datastore|network)Folder$/.exec(name)?.[1] as
      keyof typeof this.folders | undefined;
    return folder === undefined ? entityProperty(name, this) : this.folders[folder].ref;
  }
}

export class SimNetwork implements SimObject {
  readonly ref: Moref;
  readonly name: string;
  readonly parent: SimFolder;
  constructor(ref: Moref, name: string, parent: SimFolder) {
    this.ref = ref;
    this.name = name;
    this.parent = parent;
  }

  property(name: string): Value | undefined {
    return entityProperty(name, this);
  }
}

export class SimDatastore implements SimObject {
  readonly ref: Moref;
  readonly name: string;
  readonly parent: SimFolder;
  /** The folder on this machine that holds the files. */
  readonly dir: string;
  readonly type: 'VMFS' | 'NFS';
  readonly capacityBytes: number;
  freeBytes: number;
  readonly users = new Set<SimObject>();

  constructor(
    parent: SimFolder,
    ref: Moref,
    facts: { name: string; dir: string; type: 'VMFS' | 'NFS'; capacityBytes: number; freeBytes: number },
  ) {
    this.ref = ref;
    this.parent = parent;
    this.name = facts.name;
    this.dir = facts.dir;
    this.type = facts.type;
    this.capacityBytes = facts.capacityBytes;
    this.freeBytes = facts.freeBytes;
  }

  get url(): string {
    return `ds:///vmfs/volumes/${this.ref.id}/`;
  }

  property(name: string): Value | undefined {
    if (name === 'vm') return refsOf(this.users);
    if (name === 'info')
      return {
        $type: 'DatastoreInfo',
        name: this.name,
        url: this.url,
        freeSpace: this.freeBytes,
        maxFileSize: 2 ** 46,
      };
    if (name === 'capability') return CAPABILITY;
    if (name !== 'summary') return entityProperty(name, this);
    return {
      $type: 'DatastoreSummary',
      datastore: this.ref,
      name: this.name,
      url: this.url,
      capacity: this.capacityBytes,
      freeSpace: this.freeBytes,
      accessible: true,
      multipleHostAccess: true,
      type: this.type,
      maintenanceMode: 'normal',
    };
  }
}

const CAPABILITY: Data = {
  $type: 'DatastoreCapability',
  directoryHierarchySupported: true,
  rawDiskMappingsSupported: true,
  perFileThinProvisioningSupported: true,
};

export class SimCluster implements SimObject {
  readonly ref: Moref;
  readonly name: string;
  readonly parent: SimFolder;
  readonly hosts: SimHost[] = [];
  readonly pool: SimPool;
  constructor(ref: Moref, name: string, parent: SimFolder) {
    this.ref = ref;
    this.name = name;
    this.parent = parent;
    this.pool = new SimPool(new Moref('ResourcePool', 'resgroup-8'), this);
  }

  property(name: string): Value | undefined {
    if (name === 'host') return refsOf(this.hosts);
    if (name === 'resourcePool') return this.pool.ref;
    if (name === 'datastore') return refsOf(new Set(this.hosts.flatMap((host) => host.datastores)));
    return entityProperty(name, this);
  }
}

export class SimPool implements SimObject {
  readonly ref: Moref;
  readonly name = 'Resources';
  readonly parent: SimCluster;
  readonly users = new Set<SimObject>();
  constructor(ref: Moref, parent: SimCluster) {
    this.ref = ref;
    this.parent = parent;
  }

  property(name: string): Value | undefined {
    if (name === 'owner') return this.parent.ref;
    if (name === 'vm') return refsOf(this.users);
    return entityProperty(name, this);
  }
}

export class SimHost implements SimObject {
  readonly ref: Moref;
  readonly name: string;
  readonly parent: SimCluster;
  readonly datastores: readonly SimDatastore[];
  readonly users = new Set<SimObject>();
  connectionState: 'connected' | 'disconnected' | 'notResponding' = 'connected';
  inMaintenance = false;
  constructor(ref: Moref, name: string, parent: SimCluster, datastores: readonly SimDatastore[]) {
    this.ref = ref;
    this.name = name;
    this.parent = parent;
    this.datastores = datastores;
  }

  property(name: string): Value | undefined {
    if (name === 'vm') return refsOf(this.users);
    if (name === 'datastore') return refsOf(this.datastores);
    if (name === 'runtime') return this.#runtime();
    if (name !== 'summary') return entityProperty(name, this);
    return {
      $type: 'HostListSummary',
      host: this.ref,
      runtime: this.#runtime(),
      overallStatus: 'green',
      rebootRequired: false,
      config: {
        $type: 'HostConfigSummary',
        name: this.name,
        port: 443,
        vmotionEnabled: true,
        faultToleranceEnabled: false,
      },
      quickStats: { $type: 'HostListSummaryQuickStats' },
    };
  }

  #runtime(): Data {
    return {
      $type: 'HostRuntimeInfo',
      connectionState: this.connectionState,
      powerState: 'poweredOn',
      inMaintenanceMode: this.inMaintenance,
    };
  }
}
