/**
 * The properties of a virtual machine, built afresh from its state each time they are asked for.
 */
import { statSync } from 'node:fs';
import { type Data, type Moref, type Value } from '../values.ts';
import { devicesOf, vmPath } from './devices.ts';
import { entityProperty } from './places.ts';
import { type SimDisk, type SimSnapshot, type SimVm } from './sim-vm.ts';

/** One top-level property; `at` gives the `config` of a snapshot instead of the running machine's. */
export function vmProperty(vm: SimVm, name: string, at?: SimSnapshot): Value | undefined {
  const accessible = vm.connectionState === 'connected' || vm.connectionState === 'disconnected';
  switch (name) {
    case 'config':
      return accessible ? configOf(vm, at) : undefined;
    case 'capability':
      return capabilityOf(vm);
    case 'runtime':
      return runtimeOf(vm);
    case 'guest':
      return guestOf(vm);
    case 'summary':
      return summaryOf(vm);
    case 'snapshot':
      return snapshotOf(vm);
    case 'layoutEx':
      return layoutOf(vm);
    default:
      return vmReference(vm, name) ?? entityProperty(name, vm);
  }
}

function vmReference(vm: SimVm, name: string): Value | undefined {
  switch (name) {
    case 'resourcePool':
      return vm.facts.template ? undefined : vm.facts.pool.ref;
    case 'datastore':
      return [...new Set([vm.facts.datastore, ...vm.disks.map((disk) => disk.datastore)])].map(
        (each) => each.ref,
      );
    case 'network':
      return [vm.facts.network];
    case 'rootSnapshot':
      return vm.rootSnapshots.map((snapshot) => snapshot.ref);
    case 'recentTask':
      return [...vm.recentTasks];
    case 'disabledMethod':
      return [...vm.disabledMethods];
    case 'guestHeartbeatStatus':
      return vm.toolsRunning ? 'green' : 'gray';
    default:
      return undefined;
  }
}

const guestNames = {
  windows: {
    id: 'windows2019srv_64Guest',
    name: 'Microsoft Windows Server 2019 (64-bit)',
    family: 'windowsGuest',
  },
  linux: { id: 'debian11_64Guest', name: 'Debian GNU/Linux 11 (64-bit)', family: 'linuxGuest' },
} as const;

function filesOf(vm: SimVm): Data {
  const folder = `[${vm.facts.datastore.name}] ${vm.facts.dir}/`;
  return {
    $type: 'VirtualMachineFileInfo',
    vmPathName: `${folder}${vm.name}.vmx`,
    snapshotDirectory: folder,
    suspendDirectory: folder,
    logDirectory: folder,
  };
}

function configOf(vm: SimVm, at: SimSnapshot | undefined): Data {
  const guest = guestNames[vm.facts.guestOs];
  const option = (key: string, value: string): Data => ({ $type: 'OptionValue', key, value });
  return {
    $type: 'VirtualMachineConfigInfo',
    changeVersion: vm.changeVersion,
    modified: vm.modified,
    name: vm.name,
    guestFullName: guest.name,
    version: `vmx-${String(vm.facts.hwVersion).padStart(2, '0')}`,
    uuid: vm.facts.uuid,
    instanceUuid: vm.facts.instanceUuid,
    template: vm.facts.template,
    guestId: guest.id,
    alternateGuestName: '',
    annotation: vm.facts.annotation,
    files: filesOf(vm),
    flags: {
      $type: 'VirtualMachineFlagInfo',
      diskUuidEnabled: true,
      snapshotDisabled: false,
      snapshotLocked: false,
    },
    defaultPowerOps: { $type: 'VirtualMachineDefaultPowerOpInfo', powerOffType: 'soft' },
    hardware: {
      $type: 'VirtualHardware',
      numCPU: vm.facts.cpus,
      numCoresPerSocket: 1,
      memoryMB: vm.facts.memoryMb,
      device: devicesOf(vm, at),
    },
    extraConfig: [
      ...(vm.facts.nvram ? [option('nvram', `${vm.name}.nvram`)] : []),
      option('svga.present', 'TRUE'),
      option('disk.EnableUUID', 'TRUE'),
      ...(vm.trackingWanted ? [option('ctkEnabled', 'TRUE')] : []),
    ],
    bootOptions: { $type: 'VirtualMachineBootOptions', bootDelay: 0, efiSecureBootEnabled: false },
    ...(vm.canTrack ? { changeTrackingEnabled: vm.trackingWanted } : {}),
    firmware: vm.facts.firmware,
  };
}

/** The flags that are required by the schema and true of any machine of today. */
const CAPABLE = Object.fromEntries(
  (
    'snapshotOperationsSupported multipleSnapshotsSupported snapshotConfigSupported poweredOffSnapshotsSupported ' +
    'memorySnapshotsSupported revertToSnapshotSupported quiescedSnapshotsSupported consolePreferencesSupported ' +
    'cpuFeatureMaskSupported s1AcpiManagementSupported settingScreenResolutionSupported vmNpivWwnSupported ' +
    'vmNpivWwnDisableSupported vmNpivWwnUpdateSupported swapPlacementSupported toolsSyncTimeSupported ' +
    'virtualMmuUsageSupported diskSharesSupported bootOptionsSupported bootRetryOptionsSupported ' +
    'multipleCoresPerSocketSupported'
  )
    .split(' ')
    .map((name) => [name, true]),
);
const INCAPABLE = Object.fromEntries(
  'disableSnapshotsSupported lockSnapshotsSupported toolsAutoUpdateSupported npivWwnOnNonRdmVmSupported settingVideoRamSizeSupported'
    .split(' ')
    .map((name) => [name, false]),
);

function capabilityOf(vm: SimVm): Data {
  return {
    ...CAPABLE,
    ...INCAPABLE,
    $type: 'VirtualMachineCapability',
    changeTrackingSupported: vm.canTrack,
  };
}

function runtimeOf(vm: SimVm): Data {
  return {
    $type: 'VirtualMachineRuntimeInfo',
    host: vm.host.ref,
    connectionState: vm.connectionState,
    powerState: vm.powerState,
    toolsInstallerMounted: false,
    ...(vm.question === undefined ? {} : { question: vm.question }),
    numMksConnections: 0,
    recordReplayState: 'inactive',
    cleanPowerOff: vm.powerState === 'poweredOff',
    consolidationNeeded: vm.consolidationNeeded,
  };
}

function guestOf(vm: SimVm): Data {
  const guest = guestNames[vm.facts.guestOs];
  const running = vm.powerState === 'poweredOn' && vm.toolsRunning;
  return {
    $type: 'GuestInfo',
    toolsStatus: running ? 'toolsOk' : 'toolsNotRunning',
    toolsVersionStatus2: 'guestToolsCurrent',
    toolsRunningStatus: running ? 'guestToolsRunning' : 'guestToolsNotRunning',
    toolsVersion: '12352',
    ...(running
      ? { guestId: guest.id, guestFamily: guest.family, guestFullName: guest.name, hostName: vm.name }
      : {}),
    guestState: running ? 'running' : 'notRunning',
    guestOperationsReady: running,
  };
}

function summaryOf(vm: SimVm): Data {
  const guest = guestNames[vm.facts.guestOs];
  const bytes = vm.disks.reduce((sum, disk) => sum + disk.chain.capacityBytes, 0);
  return {
    $type: 'VirtualMachineSummary',
    vm: vm.ref,
    runtime: runtimeOf(vm),
    guest: {
      $type: 'VirtualMachineGuestSummary',
      toolsRunningStatus: vm.toolsRunning ? 'guestToolsRunning' : 'guestToolsNotRunning',
    },
    config: {
      $type: 'VirtualMachineConfigSummary',
      name: vm.name,
      template: vm.facts.template,
      vmPathName: `[${vm.facts.datastore.name}] ${vm.facts.dir}/${vm.name}.vmx`,
      memorySizeMB: vm.facts.memoryMb,
      numCpu: vm.facts.cpus,
      numEthernetCards: 1,
      numVirtualDisks: vm.disks.length,
      uuid: vm.facts.uuid,
      instanceUuid: vm.facts.instanceUuid,
      guestId: guest.id,
      guestFullName: guest.name,
      annotation: vm.facts.annotation,
    },
    storage: {
      $type: 'VirtualMachineStorageSummary',
      committed: bytes,
      uncommitted: 0,
      unshared: bytes,
      timestamp: vm.modified,
    },
    quickStats: {
      $type: 'VirtualMachineQuickStats',
      guestHeartbeatStatus: vm.toolsRunning ? 'green' : 'gray',
    },
    overallStatus: 'green',
  };
}

function snapshotOf(vm: SimVm): Data | undefined {
  if (vm.rootSnapshots.length === 0) return undefined;
  const current: { currentSnapshot?: Moref } =
    vm.currentSnapshot === undefined ? {} : { currentSnapshot: vm.currentSnapshot.ref };
  return { $type: 'VirtualMachineSnapshotInfo', ...current, rootSnapshotList: vm.rootSnapshots.map(treeOf) };
}

function treeOf(snapshot: SimSnapshot): Data {
  return {
    $type: 'VirtualMachineSnapshotTree',
    snapshot: snapshot.ref,
    vm: snapshot.vm.ref,
    name: snapshot.name,
    description: snapshot.description,
    id: snapshot.number,
    createTime: snapshot.createTime,
    state: snapshot.state,
    quiesced: snapshot.quiesced,
    childSnapshotList: snapshot.children.map(treeOf),
    replaySupported: false,
  };
}

function layoutOf(vm: SimVm): Data {
  const folder = `[${vm.facts.datastore.name}] ${vm.facts.dir}/`;
  const files: Data[] = [];
  const file = (name: string, type: string, size: number): number => {
    files.push({
      $type: 'VirtualMachineFileLayoutExFileInfo',
      key: files.length,
      name,
      type,
      size,
      uniqueSize: size,
      accessible: true,
    });
    return files.length - 1;
  };
  file(`${folder}${vm.name}.vmx`, 'config', 2048);
  if (vm.facts.nvram) file(`${folder}${vm.name}.nvram`, 'nvram', 8684);
  const keys = new Map(vm.disks.map((disk) => [disk, diskFiles(vm, disk, file)]));
  return {
    $type: 'VirtualMachineFileLayoutEx',
    file: files,
    disk: vm.disks.map((disk) => chainOf(disk, keys.get(disk)!)),
    snapshot: vm.snapshots().map((snapshot) => ({
      $type: 'VirtualMachineFileLayoutExSnapshotLayout',
      key: snapshot.ref,
      dataKey: -1,
      disk: snapshot.disks
        .filter((frozen) => keys.has(frozen.disk))
        .map(({ disk, layer }) =>
          chainOf(disk, keys.get(disk)!.slice(0, disk.chain.layers.indexOf(layer) + 1)),
        ),
    })),
    timestamp: vm.modified,
  };
}

function diskFiles(
  vm: SimVm,
  disk: SimDisk,
  file: (name: string, type: string, size: number) => number,
): number[][] {
  return disk.chain.layers.map((layer) => {
    const size =
      layer.kind === 'flat'
        ? disk.chain.capacityBytes
        : (statSync(layer.dataPath, { throwIfNoEntry: false })?.blocks ?? 0) * 512;
    return [
      file(vmPath(disk, vm, layer.descriptorName), 'diskDescriptor', 600),
      file(vmPath(disk, vm, layer.dataName), 'diskExtent', size),
    ];
  });
}

function chainOf(disk: SimDisk, units: readonly number[][]): Data {
  const chain = units.map((fileKey) => ({ $type: 'VirtualMachineFileLayoutExDiskUnit', fileKey }));
  return { $type: 'VirtualMachineFileLayoutExDiskLayout', key: disk.key, chain };
}
