/**
 * The virtual devices of a machine as vSphere data, for the running machine or for one of its snapshots.
 */
import { changeIdOf } from '../disks/change-tracker.ts';
import { type Layer } from '../disks/layer.ts';
import { type Data } from '../values.ts';
import { type SimDisk, type SimSnapshot, type SimVm } from './sim-vm.ts';

const SCSI_KEY = 1000;

/** All devices in the order of their keys; disks with the files that `at` (or the running machine) stands on. */
export function devicesOf(vm: SimVm, at: SimSnapshot | undefined): Data[] {
  return [
    ...fixedDevices(vm),
    ...(at === undefined ? runningDisks(vm) : frozenDisks(vm, at)),
    networkCard(vm),
  ];
}

/** `[ds] folder/file`, as vSphere names files. */
export const vmPath = (disk: SimDisk, vm: SimVm, file: string): string =>
  `[${disk.datastore.name}] ${vm.facts.dir}/${file}`;

const label = (name: string, summary: string): Data => ({ $type: 'Description', label: name, summary });

function fixedDevices(vm: SimVm): Data[] {
  return [
    {
      $type: 'VirtualIDEController',
      key: 200,
      deviceInfo: label('IDE 0', 'IDE 0'),
      busNumber: 0,
      device: [3000],
    },
    {
      $type: 'ParaVirtualSCSIController',
      key: SCSI_KEY,
      deviceInfo: label('SCSI controller 0', 'VMware paravirtual SCSI'),
      controllerKey: 100,
      unitNumber: 3,
      busNumber: 0,
      device: vm.disks.map((disk) => disk.key),
      hotAddRemove: true,
      sharedBus: vm.facts.scsiSharedBus,
      scsiCtlrUnitNumber: 7,
    },
    {
      $type: 'VirtualCdrom',
      key: 3000,
      deviceInfo: label('CD/DVD drive 1', 'Remote device'),
      backing: {
        $type: 'VirtualCdromRemotePassthroughBackingInfo',
        deviceName: '',
        useAutoDetect: false,
        exclusive: false,
      },
      connectable: {
        $type: 'VirtualDeviceConnectInfo',
        startConnected: false,
        allowGuestControl: true,
        connected: false,
        status: 'untried',
      },
      controllerKey: 200,
      unitNumber: 0,
    },
  ];
}

function networkCard(vm: SimVm): Data {
  return {
    $type: 'VirtualVmxnet3',
    key: 4000,
    deviceInfo: label('Network adapter 1', 'VM Network'),
    backing: {
      $type: 'VirtualEthernetCardNetworkBackingInfo',
      deviceName: 'VM Network',
      useAutoDetect: false,
      network: vm.facts.network,
    },
    connectable: {
      $type: 'VirtualDeviceConnectInfo',
      startConnected: true,
      allowGuestControl: true,
      connected: vm.powerState === 'poweredOn',
      status: 'ok',
    },
    controllerKey: 100,
    unitNumber: 7,
    addressType: 'assigned',
    macAddress: macOf(vm),
    wakeOnLanEnabled: true,
  };
}

function macOf(vm: SimVm): string {
  return `00:50:56:${vm.facts.uuid.slice(0, 6).replace(/(..)(?=.)/g, '$1:')}`;
}

function runningDisks(vm: SimVm): Data[] {
  return vm.disks.map((disk) =>
    diskDevice(vm, disk, {
      layer: disk.chain.top,
      capacityBytes: disk.chain.capacityBytes,
      changeId: disk.chain.tracker?.changeId,
    }),
  );
}

function frozenDisks(vm: SimVm, at: SimSnapshot): Data[] {
  return at.disks.map((frozen) =>
    diskDevice(vm, frozen.disk, {
      layer: frozen.layer,
      capacityBytes: frozen.capacityBytes,
      changeId: frozen.changes === undefined ? undefined : changeIdOf(frozen.changes),
    }),
  );
}

interface DiskView {
  readonly layer: Layer;
  readonly capacityBytes: number;
  readonly changeId: string | undefined;
}

function diskDevice(vm: SimVm, disk: SimDisk, view: DiskView): Data {
  const depth = disk.chain.layers.indexOf(view.layer);
  return {
    $type: 'VirtualDisk',
    key: disk.key,
    deviceInfo: label(`Hard disk ${String(disk.key - 1999)}`, `${String(view.capacityBytes / 1024)} KB`),
    backing:
      disk.rdm === undefined
        ? flatBacking(vm, disk, depth, view.changeId)
        : rdmBacking(vm, disk, depth, view.changeId),
    controllerKey: SCSI_KEY,
    unitNumber: disk.unitNumber,
    capacityInKB: Math.floor(view.capacityBytes / 1024),
    capacityInBytes: view.capacityBytes,
    diskObjectId: `${vm.ref.id.replace('vm-', '')}-${String(disk.key)}`,
  };
}

function backingBase(vm: SimVm, disk: SimDisk, depth: number): Omit<Data, '$type'> {
  const layer = disk.chain.layers[depth]!;
  return {
    fileName: vmPath(disk, vm, layer.descriptorName),
    datastore: disk.datastore.ref,
    diskMode: disk.mode,
    uuid: disk.chain.facts.uuid,
    contentId: layer.cid.repeat(4),
    sharing: disk.sharing,
    ...(layer.kind === 'delta' ? { deltaDiskFormat: 'redoLogFormat' } : {}),
  };
}

function flatBacking(vm: SimVm, disk: SimDisk, depth: number, changeId: string | undefined): Data {
  return {
    ...backingBase(vm, disk, depth),
    $type: 'VirtualDiskFlatVer2BackingInfo',
    split: false,
    writeThrough: false,
    thinProvisioned: true,
    ...(changeId === undefined ? {} : { changeId }),
    ...(depth > 0 ? { parent: flatBacking(vm, disk, depth - 1, undefined) } : {}),
  };
}

function rdmBacking(vm: SimVm, disk: SimDisk, depth: number, changeId: string | undefined): Data {
  return {
    ...backingBase(vm, disk, depth),
    $type: 'VirtualDiskRawDiskMappingVer1BackingInfo',
    lunUuid: '02000000006000c2',
    deviceName: `vml.02000000006000c2${disk.chain.facts.uuid.slice(0, 8)}`,
    compatibilityMode: disk.rdm,
    ...(changeId === undefined ? {} : { changeId }),
    ...(depth > 0 ? { parent: rdmBacking(vm, disk, depth - 1, undefined) } : {}),
  };
}
