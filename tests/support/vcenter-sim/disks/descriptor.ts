/**
 * The text descriptor of a virtual disk, as the VMFS of a host writes it.
 * Source: "Virtual Disk Format 5.0" (VMware), section "The Descriptor File"; observed vmdk files of ESXi 7.
 */
import { writeFile } from 'node:fs/promises';

export interface DescriptorFacts {
  readonly path: string;
  readonly cid: string;
  readonly parentCid: string | undefined;
  readonly parentName: string | undefined;
  readonly createType: 'vmfs' | 'vmfsSparse' | 'vmfsRawDeviceMap' | 'vmfsPassthroughRawDeviceMap';
  readonly dataName: string;
  readonly capacityBytes: number;
  readonly uuid: string;
  readonly hwVersion: number;
  readonly tracked: boolean;
}

const EXTENT_TYPE = {
  vmfs: 'VMFS',
  vmfsSparse: 'VMFSSPARSE',
  vmfsRawDeviceMap: 'VMFSRDM',
  vmfsPassthroughRawDeviceMap: 'VMFSRDM',
} as const;

/** Writes the descriptor, replacing an older one. */
export async function writeDescriptor(facts: DescriptorFacts): Promise<void> {
  await writeFile(facts.path, descriptorText(facts));
}

function descriptorText(facts: DescriptorFacts): string {
  const sectors = facts.capacityBytes / 512;
  return [
    '# Disk DescriptorFile',
    'version=1',
    'encoding="UTF-8"',
    `CID=${facts.cid}`,
    `parentCID=${facts.parentCid ?? 'ffffffff'}`,
    `createType="${facts.createType}"`,
    ...(facts.parentName === undefined ? [] : [`parentFileNameHint="${facts.parentName}"`]),
    '',
    '# Extent description',
    `RW ${String(sectors)} ${EXTENT_TYPE[facts.createType]} "${facts.dataName}"`,
    '',
    ...(facts.tracked ? ['# Change Tracking File', `changeTrackPath="${ctkName(facts.path)}"`, ''] : []),
    '# The Disk Data Base',
    '#DDB',
    '',
    'ddb.adapterType = "lsilogic"',
    `ddb.geometry.cylinders = "${String(Math.floor(sectors / 16_065))}"`,
    'ddb.geometry.heads = "255"',
    'ddb.geometry.sectors = "63"',
    `ddb.longContentID = "${facts.cid.repeat(4)}"`,
    'ddb.thinProvisioned = "1"',
    `ddb.uuid = "${ddbUuid(facts.uuid)}"`,
    `ddb.virtualHWVersion = "${String(facts.hwVersion)}"`,
    '',
  ].join('\n');
}

const ctkName = (path: string): string =>
  path.slice(path.lastIndexOf('/') + 1).replace(/\.vmdk$/, '-ctk.vmdk');

function ddbUuid(uuid: string): string {
  const bytes = uuid
    .toLowerCase()
    .replace(/-/g, '')
    .replace(/(..)(?=.)/g, '$1 ');
  return `${bytes.slice(0, 23)}-${bytes.slice(24)}`;
}
