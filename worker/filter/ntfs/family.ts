/** What is asked of a file: one of its streams, its first bytes, its name. */
import { type Attribute, type NonResidentAttribute, type ResidentAttribute } from './attribute.ts';
import { namesOf } from './file-names.ts';
import { type FileFamily } from './mft.ts';
import { type Stream, joinPieces, readStream } from './stream.ts';
import { attributeTypes, ntfsDamage, recordNumbers } from './units.ts';
import { type NtfsVolume } from './ntfs-volume.ts';

function named(family: FileFamily, type: number, name: string): Attribute[] {
  return family.attributes.filter((attribute) => attribute.type === type && attribute.name === name);
}

/** The resident attribute of this type and name, or null. */
export function residentOf(family: FileFamily, type: number, name = ''): ResidentAttribute | null {
  const found = named(family, type, name)[0];
  return found?.kind === 'resident' ? found : null;
}

/**
 * The non-resident attribute of this type and name, or null.
 * @throws AppError `FS_STRUCTURE_INVALID` when a piece of it is missing
 */
export function streamOf(
  volume: NtfsVolume,
  family: FileFamily,
  wanted: { type: number; name: string; what: string },
): Stream | null {
  const pieces = named(family, wanted.type, wanted.name).filter(
    (attribute): attribute is NonResidentAttribute => attribute.kind === 'non-resident',
  );
  return pieces.length === 0 ? null : joinPieces(volume, pieces, wanted.what, family.base.at);
}

/**
 * The unnamed content of a metafile, which is never resident.
 * @throws AppError `FS_STRUCTURE_INVALID` when it is missing
 */
export function requireContent(volume: NtfsVolume, family: FileFamily, what: string): Stream {
  const stream = streamOf(volume, family, { type: attributeTypes.content, name: '', what });
  if (stream === null) throw ntfsDamage(what, 'it has no content', family.base.at);
  return stream;
}

/** The first `lengthBytes` of the file, fewer when it is shorter; null when they are compressed or encrypted. */
export async function readStart(
  volume: NtfsVolume,
  family: FileFamily,
  lengthBytes: number,
): Promise<Uint8Array | null> {
  const resident = residentOf(family, attributeTypes.content);
  if (resident !== null) return resident.value.subarray(0, lengthBytes);
  const stream = requireContent(volume, family, `content of file record ${family.base.number}`);
  if (stream.isCoded) return null;
  const start = new Uint8Array(Math.min(lengthBytes, stream.sizeBytes));
  await readStream(volume, stream, 0, start);
  return start;
}

/**
 * Makes sure that the file lies in the root directory under `name`: a sign that the record is the one it should be.
 * @throws AppError `FS_STRUCTURE_INVALID`
 */
export function requireName(family: FileFamily, name: string): void {
  const found = namesOf(family).some(
    (candidate) => candidate.folder.number === recordNumbers.root && candidate.name === name,
  );
  if (!found) throw ntfsDamage(`file record ${family.base.number}`, `it is not "${name}"`, family.base.at);
}
