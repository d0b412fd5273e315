/**
 * A ready small site: nine machines over two hosts, two datastores and nested folders, with real file systems
 * from the disk fixtures and one of each case that a backup must refuse or treat apart.
 */
import { type SiteConfig, type VmConfig } from './config.ts';

const MIB = 2 ** 20;

const vms: readonly VmConfig[] = [
  {
    name: 'web01',
    folder: 'Production/Web',
    host: 'esx1.sim',
    datastore: 'ds1',
    guestOs: 'windows',
    firmware: 'bios',
    annotation: 'Front end',
    disks: [{ fixture: 'win-mbr' }],
  },
  {
    name: 'db01',
    folder: 'Production/Databases',
    host: 'esx2.sim',
    datastore: 'ds2',
    guestOs: 'windows',
    firmware: 'efi',
    annotation: 'System and data on two disks',
    disks: [{ fixture: 'win-gpt' }, { fixture: 'blank' }],
  },
  {
    name: 'files01',
    folder: 'Production',
    host: 'esx1.sim',
    datastore: 'ds2',
    guestOs: 'windows',
    cbt: true,
    disks: [{ fixture: 'win-two' }],
  },
  {
    name: 'archive01',
    folder: 'Production',
    host: 'esx2.sim',
    datastore: 'ds1',
    guestOs: 'windows',
    cbt: true,
    disks: [{ fixture: 'win-64k' }],
  },
  {
    name: 'late01',
    folder: 'Test',
    host: 'esx1.sim',
    datastore: 'ds1',
    guestOs: 'windows',
    cbt: true,
    disks: [{ fixture: 'late-metadata' }],
  },
  {
    name: 'linux01',
    folder: 'Test/Linux',
    host: 'esx2.sim',
    datastore: 'ds2',
    guestOs: 'linux',
    disks: [{ fixture: 'linux-ext4' }],
  },
  {
    name: 'mixed01',
    folder: 'Test',
    host: 'esx1.sim',
    datastore: 'ds1',
    guestOs: 'linux',
    annotation: 'One plain disk, one independent, one raw',
    disks: [
      { fixture: 'blank' },
      { capacityBytes: 8 * MIB, mode: 'independent_persistent' },
      { capacityBytes: 8 * MIB, rdm: 'physicalMode', datastore: 'ds2' },
    ],
  },
  {
    name: 'old01',
    folder: 'Test',
    host: 'esx2.sim',
    datastore: 'ds2',
    guestOs: 'linux',
    hwVersion: 4,
    powerState: 'poweredOff',
    annotation: 'Hardware version 4: no change tracking',
    disks: [{ capacityBytes: 4 * MIB }],
  },
  {
    name: 'template01',
    folder: 'Templates',
    host: 'esx1.sim',
    datastore: 'ds1',
    guestOs: 'linux',
    template: true,
    disks: [{ capacityBytes: 4 * MIB }],
  },
];

/** The small site; `changes` replace single settings. */
export function smallSite(changes: Partial<SiteConfig> = {}): SiteConfig {
  return {
    datastores: [{ name: 'ds1' }, { name: 'ds2' }],
    hosts: [{ name: 'esx1.sim' }, { name: 'esx2.sim' }],
    vms,
    ...changes,
  };
}
