/**
 * One simulated site: the inventory with its machines, and everything that the servers share.
 */
import { join } from 'node:path';
import { CallLog } from './call-log.ts';
import { type SiteConfig } from './config.ts';
import { FaultRules, type FaultRule } from './fault-rules.ts';
import { Inventory, type SimObject } from './model/inventory.ts';
import {
  SimDatacenter,
  SimFolder,
  type SimCluster,
  type SimDatastore,
  type SimHost,
  type SimNetwork,
} from './model/places.ts';
import { SimSnapshot, SimVm } from './model/sim-vm.ts';
import { Sessions } from './sessions.ts';
import { scriptedFault, type SimFault } from './sim-fault.ts';
import { SimTask, Tasks } from './tasks.ts';
import { Moref } from './values.ts';

const HALF_HOUR_MS = 1_800_000;

export class Site {
  readonly config: SiteConfig;
  readonly workDir: string;
  readonly username: string;
  readonly password: string;
  readonly inventory = new Inventory();
  readonly tasks = new Tasks(this.inventory);
  readonly sessions: Sessions;
  readonly faults = new FaultRules();
  readonly calls: CallLog;
  readonly root = new SimFolder(new Moref('Folder', 'group-d1'), 'Datacenters', undefined, [
    'Folder',
    'Datacenter',
  ]);
  readonly datacenter: SimDatacenter;
  readonly vms = new Map<string, SimVm>();
  readonly datastores = new Map<string, SimDatastore>();
  readonly hosts = new Map<string, SimHost>();
  cluster: SimCluster | undefined;
  network: SimNetwork | undefined;
  readonly counters = { snapshotsPeak: 0, snapshotsCreated: 0, folderRequests: 0, folderBytes: 0 };

  constructor(config: SiteConfig, workDir: string) {
    this.config = config;
    this.workDir = workDir;
    this.username = config.username ?? 'administrator@vsphere.local';
    this.password = config.password ?? 'sim-Passw0rd!';
    this.sessions = new Sessions(config.sessionTimeoutMs ?? HALF_HOUR_MS);
    this.calls = new CallLog(this.password, config.dumpDir);
    this.datacenter = new SimDatacenter(
      new Moref('Datacenter', 'datacenter-2'),
      config.datacenter ?? 'DC0',
      this.root,
    );
    this.root.children.push(this.datacenter);
    for (const object of [this.root, this.datacenter, ...Object.values(this.datacenter.folders)])
      this.inventory.add(object);
  }

  datastoreDir(name: string): string {
    return join(this.workDir, 'datastores', name);
  }

  get snapshotsNow(): number {
    return [...this.vms.values()].reduce((sum, vm) => sum + vm.snapshotCount, 0);
  }

  /** Counts a snapshot that has just been made. */
  snapshotMade(): void {
    this.counters.snapshotsCreated++;
    this.counters.snapshotsPeak = Math.max(this.counters.snapshotsPeak, this.snapshotsNow);
  }

  taskDelayMs(method: string): number {
    return this.config.taskDelayByMethodMs?.[method] ?? this.config.taskDelayMs ?? 20;
  }

  /** The fault that a `task` rule prescribes for this call, with the rule. */
  taskFault(method: string, vm: SimVm): { fault: SimFault; rule: FaultRule } | undefined {
    const rule = this.faults.take(method, namesOf(vm), 'task');
    if (rule?.fault === undefined) return undefined;
    return {
      fault: scriptedFault(
        rule.fault,
        vm.ref,
        `[${vm.facts.datastore.name}] ${vm.facts.dir}/${vm.name}.vmdk`,
      ),
      rule,
    };
  }
}

/** Under which names rules and filters may mean an object: its moref, and the machine it belongs to. */
export function namesOf(object: SimObject | undefined): string[] {
  if (object === undefined) return [];
  const vm = vmOf(object);
  return [object.ref.id, ...(vm === undefined ? [] : [vm.name, vm.ref.id])];
}

function vmOf(object: SimObject): SimVm | undefined {
  if (object instanceof SimSnapshot) return object.vm;
  if (object instanceof SimTask) return object.spec.vm;
  return object instanceof SimVm ? object : undefined;
}
