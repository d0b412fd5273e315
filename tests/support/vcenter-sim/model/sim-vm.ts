/**
 * The state of one virtual machine: its disks, its snapshots, its switches. Reading it as properties is
 * vm-properties.ts; changing it by tasks is snapshot-work.ts and the methods.
 */
import { type FrozenChanges, ChangeTracker } from '../disks/change-tracker.ts';
import { type DiskChain } from '../disks/disk-chain.ts';
import { type Layer } from '../disks/layer.ts';
import { type Data, type Moref, type Value } from '../values.ts';
import { type SimObject } from './inventory.ts';
import { type SimDatastore, type SimFolder, type SimHost, type SimPool } from './places.ts';

export interface SimDisk {
  readonly key: number;
  readonly unitNumber: number;
  readonly mode: string;
  readonly rdm: 'physicalMode' | 'virtualMode' | undefined;
  readonly sharing: string;
  readonly datastore: SimDatastore;
  readonly chain: DiskChain;
  /** True when tracking began without snapshots: only then does `*` answer less than everything. */
  starIsExact: boolean;
}

/** A disk as a snapshot keeps it. `layer` follows the file when a merge renames it. */
export interface FrozenDisk {
  readonly disk: SimDisk;
  layer: Layer;
  readonly capacityBytes: number;
  readonly changes: FrozenChanges | undefined;
  readonly allocated: Uint8Array;
  readonly starIsExact: boolean;
}

export class SimSnapshot implements SimObject {
  readonly ref: Moref;
  readonly vm: SimVm;
  readonly number: number;
  readonly name: string;
  readonly description: string;
  readonly createTime: Date;
  readonly state: string;
  readonly quiesced: boolean;
  readonly disks: readonly FrozenDisk[];
  parent: SimSnapshot | undefined;
  readonly children: SimSnapshot[] = [];

  constructor(
    vm: SimVm,
    facts: {
      ref: Moref;
      number: number;
      name: string;
      description: string;
      quiesced: boolean;
      disks: readonly FrozenDisk[];
    },
  ) {
    this.vm = vm;
    this.ref = facts.ref;
    this.number = facts.number;
    this.name = facts.name;
    this.description = facts.description;
    this.quiesced = facts.quiesced;
    this.disks = facts.disks;
    this.createTime = new Date();
    this.state = vm.powerState;
    this.parent = vm.currentSnapshot;
  }

  property(name: string): Value | undefined {
    if (name === 'vm') return this.vm.ref;
    if (name === 'childSnapshot') return this.children.map((child) => child.ref);
    return name === 'config' ? this.vm.facts.properties(this.vm, 'config', this) : undefined;
  }
}

/** Reads a machine, or one of its snapshots, as a top-level property. */
export type VmProperties = (vm: SimVm, name: string, at?: SimSnapshot) => Value | undefined;

export interface VmFacts {
  /** Handed in, so that the state knows nothing of how it is shown. */
  readonly properties: VmProperties;
  readonly ref: Moref;
  readonly name: string;
  readonly folder: SimFolder;
  readonly pool: SimPool;
  readonly network: Moref;
  readonly datastore: SimDatastore;
  readonly dir: string;
  readonly uuid: string;
  readonly instanceUuid: string;
  readonly template: boolean;
  readonly hwVersion: number;
  readonly guestOs: 'windows' | 'linux';
  readonly firmware: string;
  readonly annotation: string;
  readonly cpus: number;
  readonly memoryMb: number;
  readonly nvram: boolean;
  readonly scsiSharedBus: string;
}

export class SimVm implements SimObject {
  readonly facts: VmFacts;
  readonly ref: Moref;
  readonly name: string;
  readonly parent: SimFolder;
  readonly disks: SimDisk[] = [];
  host: SimHost;
  powerState: 'poweredOn' | 'poweredOff';
  connectionState = 'connected';
  toolsRunning: boolean;
  trackingWanted = false;
  /** Tracking was turned off: at the next stun the old epoch ends, even if it was turned on again. */
  dropTracking = false;
  consolidationNeeded = false;
  question: Data | undefined;
  currentSnapshot: SimSnapshot | undefined;
  readonly rootSnapshots: SimSnapshot[] = [];
  snapshotPeak = 0;
  snapshotCount = 0;
  /** The task that changes this machine now. */
  busy: Moref | undefined;
  readonly recentTasks: Moref[] = [];
  modified = new Date();
  #changes = 1;
  readonly disabledMethods = new Set<string>();

  constructor(facts: VmFacts, host: SimHost, powerState: 'poweredOn' | 'poweredOff', toolsRunning: boolean) {
    this.facts = facts;
    this.ref = facts.ref;
    this.name = facts.name;
    this.parent = facts.folder;
    this.host = host;
    this.powerState = powerState;
    this.toolsRunning = toolsRunning;
  }

  get canTrack(): boolean {
    return this.facts.hwVersion >= 7;
  }

  /** Changes with every reconfiguration: the client gives it back to notice a race. */
  get changeVersion(): string {
    return `${this.modified.toISOString()}#${String(this.#changes)}`;
  }

  configChanged(): void {
    this.modified = new Date();
    this.#changes++;
  }

  property(name: string): Value | undefined {
    return this.facts.properties(this, name);
  }

  /** All snapshots, parents first. */
  snapshots(): SimSnapshot[] {
    const walk = (list: readonly SimSnapshot[]): SimSnapshot[] =>
      list.flatMap((each) => [each, ...walk(each.children)]);
    return walk(this.rootSnapshots);
  }

  /** A moment in which the machine stands still: tracking that was asked for begins, or ends. */
  stun(): void {
    for (const disk of this.disks) {
      if (this.dropTracking || !this.trackingWanted) disk.chain.tracker = undefined;
      if (this.trackingWanted && disk.chain.tracker === undefined && isSnapshotable(disk)) {
        disk.chain.tracker = new ChangeTracker(disk.chain.capacityBytes);
        disk.starIsExact = this.rootSnapshots.length === 0;
      }
    }
    this.dropTracking = false;
  }
}

/** Independent disks and physical raw mappings stay out of snapshots. */
export const isSnapshotable = (disk: SimDisk): boolean =>
  disk.mode === 'persistent' && disk.rdm !== 'physicalMode';
