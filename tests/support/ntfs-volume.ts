/** A committed NTFS volume in memory, with the places that tests spoil: found through its own boot sector and MFT. */
import { readFile } from 'node:fs/promises';
import { decodeBootSector } from '../../worker/filter/ntfs/boot-sector.ts';
import { decodeFileRecord, type FileRecord } from '../../worker/filter/ntfs/file-record.ts';
import { loadDisk, writeState } from './fixtures.ts';
import { tempFolder } from './temp.ts';

export interface DiskInMemory {
  readonly bytes: Buffer;
  /** Where the (first) NTFS volume begins, in bytes. */
  readonly volumeAt: number;
  readonly clusterBytes: number;
  /** Where a record of the first run of the MFT begins on the disk. */
  recordAt(number: number): number;
  record(number: number): FileRecord;
  /** Where the first run of the unnamed content of a record begins on the disk. */
  contentAt(number: number): number;
  /** Where an attribute of a record begins on the disk. */
  attributeAt(number: number, type: number): number;
}

export async function diskInMemory(name: string, state: string): Promise<DiskInMemory> {
  await using folder = await tempFolder();
  await writeState(name, state, folder.file('disk.raw'));
  const bytes = await readFile(folder.file('disk.raw'));
  const volumeAt = loadDisk(name).states[0]!.volumes[0]!.startBytes;
  const boot = decodeBootSector(bytes.subarray(volumeAt), volumeAt);
  const recordAt = (number: number): number =>
    volumeAt + boot.mftLcn * boot.clusterBytes + number * boot.recordBytes;
  const record = (number: number): FileRecord => {
    const at = recordAt(number);
    const raw = bytes.subarray(at, at + boot.recordBytes);
    return decodeFileRecord(raw, { number, at, volumeClusters: boot.clusters });
  };
  return {
    bytes,
    volumeAt,
    clusterBytes: boot.clusterBytes,
    recordAt,
    record,
    contentAt(number) {
      const content = record(number).attributes.find(({ type, name }) => type === 0x80 && name === '');
      if (content?.kind !== 'non-resident') throw new Error(`Record ${number} has no runs`);
      return volumeAt + content.runs[0]!.lcn! * boot.clusterBytes;
    },
    attributeAt: (number, type) => record(number).attributes.find((attribute) => attribute.type === type)!.at,
  };
}
