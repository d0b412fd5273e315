/**
 * One dynamic disk: its private header and its copy of the configuration, and where on it volumes may lie.
 *
 * Source: docs/format/ldm.md, sections 1 to 3.
 */
import { type Extent, type ExtentSet, covers, normalize } from '../../../shared/domain/extent.ts';
import { type DiskBytes, readPiece } from '../disk-bytes.ts';
import { closedGate } from '../gate.ts';
import { type VolumePlace } from '../partitions/volumes.ts';
import { type Configuration, decodeConfiguration } from './configuration.ts';
import { findConfiguration } from './contents.ts';
import { type PrivateHeader, readPrivateHeader } from './private-header.ts';
import { DATABASE_BYTES, gateClosed, ldmDamage } from './units.ts';

export interface LdmMember {
  readonly disk: DiskBytes;
  readonly header: PrivateHeader;
  readonly configuration: Configuration;
  /** Of the table of partitions: those for the data of dynamic volumes. */
  readonly dataPartitions: ExtentSet;
}

/**
 * Reads the database of a disk whose partitions are `places`.
 * @throws AppError `FS_STRUCTURE_INVALID`, `FILTER_GATE_CLOSED`, what the transport throws
 */
export async function readMember(disk: DiskBytes, places: readonly VolumePlace[]): Promise<LdmMember> {
  const own = places.filter(({ role }) => role === 'LDM' || role === 'LDM metadata');
  for (const { problem, startBytes } of own) {
    if (problem !== null) throw closedGate(problem.gate, problem.reason, startBytes);
  }
  const [metadata = null, ...more] = extentsOf(own, 'LDM metadata');
  if (more.length > 0) throw ldmDamage('database', 'there are two partitions for it', metadata?.start ?? 0);
  const header = await readPrivateHeader(disk, metadata);
  const database = await readPiece(disk, header.databaseStart, DATABASE_BYTES);
  const { start, length } = findConfiguration(database, header.databaseStart);
  const at = header.databaseStart + start;
  const configuration = decodeConfiguration(database.subarray(start, start + length), at);
  if (configuration.groupGuid !== header.groupGuid) {
    throw gateClosed(
      'ldm-copies-differ',
      'The configuration on the dynamic disk is of another disk group',
      at,
    );
  }
  return { disk, header, configuration, dataPartitions: normalize(extentsOf(own, 'LDM')) };
}

function extentsOf(places: readonly VolumePlace[], role: VolumePlace['role']): Extent[] {
  return places
    .filter((place) => place.role === role)
    .map(({ startBytes: start, lengthBytes: length }) => ({ start, length }));
}

/**
 * Where a partition lies on its disk, by its first byte in the data area.
 * @throws AppError `FS_STRUCTURE_INVALID` when it leaves the data area, or the partitions that are there for it
 */
export function placeOnDisk({ header, dataPartitions }: LdmMember, offset: number, length: number): Extent {
  const { start, length: room } = header.dataArea;
  const place = { start: start + offset, length };
  if (length > 0 && length <= room - offset && covers(dataPartitions, place)) return place;
  throw ldmDamage('configuration', 'a volume leaves the part of its disk that is for volumes', place.start);
}
