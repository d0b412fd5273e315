/**
 * The clusters of the files that a job leaves out. First all folders below the named ones are found, by their indexes; then every
 * file in them is asked by its record, in the order of the MFT: it is left out only if each of its names lies in one of these
 * folders or is named itself. What cannot be read, or is too much, is kept.
 *
 * Bounded by the number of names, pieces and bytes of indexes; never by the size of the volume.
 *
 * Source: docs/format/ntfs.md, section 11.
 */
import { GiB } from '../../../shared/base/units.ts';
import { type Extent, type ExtentSet, normalize } from '../../../shared/domain/extent.ts';
import { gateOf } from '../gate.ts';
import { directoryEntries } from './directory-entries.ts';
import { type Target, type TargetSearch, leadsElsewhere, referenceOf } from './excluded-targets.ts';
import { streamOf } from './family.ts';
import { isSame, namesOf } from './file-names.ts';
import { type FileRecord, type FileReference } from './file-record.ts';
import { type FileFamily, readExtensions, readFamily } from './mft.ts';
import { readRecords } from './record-spans.ts';
import { FIRST_FILE_RECORD, attributeTypes } from './units.ts';

export interface SearchLimits {
  /** Files and folders that are looked at. */
  readonly names: number;
  /** Pieces of what is left out. */
  readonly pieces: number;
  readonly indexBytes: number;
}

export const searchLimits: SearchLimits = { names: 256 * 1024, pieces: 256 * 1024, indexBytes: GiB };

/** What is found for one path. */
export interface FoundFiles {
  /** With clusters of their own. */
  files: number;
  readonly pieces: Extent[];
  /** Files that have a name outside, too. */
  linked: number;
  /** Files and folders. */
  unreadable: number;
  /** Not all of it was looked at. */
  isCutShort: boolean;
}

interface Candidate extends FileReference {
  /** Number of the target that led to it. */
  readonly target: number;
}

interface Places {
  /** Sequence of each excluded folder by its number. */
  readonly folders: Map<number, number>;
  /** `placeKey` of files that are named themselves. */
  readonly files: Set<string>;
}

interface Walk {
  readonly search: TargetSearch;
  readonly limits: SearchLimits;
  readonly found: readonly FoundFiles[];
  readonly places: Places;
  readonly candidates: Candidate[];
}

/** What is found for each of `targets`, in their order; a file counts for the first that leads to it. */
export async function findFiles(
  search: TargetSearch,
  targets: readonly Target[],
  limits = searchLimits,
): Promise<readonly FoundFiles[]> {
  const found = targets.map(() => ({ files: 0, pieces: [], linked: 0, unreadable: 0, isCutShort: false }));
  const places = { folders: new Map<number, number>(), files: new Set<string>() };
  const walk: Walk = { search, limits, found, places, candidates: [] };
  for (const [index, target] of targets.entries()) {
    if (target.kind === 'folder') await walkFolders(walk, target.folder, index);
    if (target.kind === 'file') {
      places.files.add(placeKey(target.folder, target.name));
      walk.candidates.push({ ...target.file, target: index });
    }
  }
  await askFiles(walk);
  return found;
}

const placeKey = (folder: FileReference, upperName: string): string =>
  `${folder.number}/${folder.sequence}/${upperName}`;

/** A folder that is still to be looked into, and the one that lists it. */
interface Waiting {
  readonly folder: FileReference;
  readonly parent: FileReference;
}

async function walkFolders(walk: Walk, first: FileFamily, target: number): Promise<void> {
  const waiting: Waiting[] = [];
  await walkFolder(walk, first, { target, waiting });
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const folder = next;
    await tolerant(walk, target, async () => {
      const family = await readFamily(walk.search.mft, folder.folder.number, folder.folder.sequence);
      const isInside = namesOf(family).every((name) => isSame(name.folder, folder.parent));
      if (!family.base.isDirectory || !isInside) foundOf(walk, target).unreadable++;
      else if (!leadsElsewhere(family)) await walkFolder(walk, family, { target, waiting });
    });
  }
}

async function walkFolder(
  walk: Walk,
  family: FileFamily,
  { target, waiting }: { readonly target: number; readonly waiting: Waiting[] },
): Promise<void> {
  const { search, places, candidates, limits } = walk;
  const { number, sequence } = referenceOf(family);
  if (places.folders.has(number)) return;
  places.folders.set(number, sequence);
  await tolerant(walk, target, async () => {
    for await (const { reference, isDirectory } of directoryEntries(
      search.mft.volume,
      family,
      search.budget,
    )) {
      if (reference.number < FIRST_FILE_RECORD) continue;
      if (candidates.length + waiting.length + places.folders.size >= limits.names) {
        foundOf(walk, target).isCutShort = true;
        return;
      }
      if (isDirectory) waiting.push({ folder: reference, parent: { number, sequence } });
      else candidates.push({ ...reference, target });
    }
  });
}

async function tolerant(walk: Walk, target: number, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (gateOf(error) === null) throw error;
    foundOf(walk, target).unreadable++;
  }
}

function foundOf({ found }: Walk, target: number): FoundFiles {
  const one = found[target];
  if (one === undefined) throw new RangeError(`There is no target ${target}`);
  return one;
}

async function askFiles(walk: Walk): Promise<void> {
  const byNumber = new Map<number, Candidate>();
  for (const candidate of walk.candidates) {
    if (!byNumber.has(candidate.number)) byNumber.set(candidate.number, candidate);
  }
  const numbers = [...byNumber.keys()].sort((a, b) => a - b);
  let pieces = 0;
  for await (const [number, record] of readRecords({ mft: walk.search.mft, numbers })) {
    const candidate = byNumber.get(number);
    if (candidate === undefined) continue;
    const one = foundOf(walk, candidate.target);
    await tolerant(walk, candidate.target, async () => {
      const extents = await clustersOfFile(walk, candidate, record);
      if (pieces + extents.length > walk.limits.pieces) {
        one.isCutShort = true;
        return;
      }
      pieces += extents.length;
      one.files += extents.length === 0 ? 0 : 1;
      for (const extent of extents) one.pieces.push(extent);
    });
  }
}

/** None when the file is not left out, or has no clusters of its own. */
async function clustersOfFile(
  walk: Walk,
  candidate: Candidate,
  record: FileRecord | null,
): Promise<ExtentSet> {
  const { mft } = walk.search;
  const one = foundOf(walk, candidate.target);
  if (record === null || !isThisFile(record, candidate)) {
    one.unreadable++;
    return [];
  }
  const family = await readExtensions(mft, record);
  if (!isAllInside(walk, family)) {
    one.linked++;
    return [];
  }
  const what = `content of file record ${record.number}`;
  const stream = streamOf(mft.volume, family, { type: attributeTypes.content, name: '', what });
  return normalize(
    (stream?.runs ?? []).flatMap(({ lcn, clusters }) =>
      lcn === null ? [] : [{ start: lcn, length: clusters }],
    ),
  );
}

function isThisFile(record: FileRecord, { sequence }: Candidate): boolean {
  return record.isInUse && record.base === null && record.sequence === sequence && !record.isDirectory;
}

/** False, too, for a file without a name. */
function isAllInside({ places, search }: Walk, family: FileFamily): boolean {
  const names = namesOf(family).filter(({ isShort }) => !isShort);
  return (
    names.length > 0 &&
    names.every(
      ({ folder, name }) =>
        places.folders.get(folder.number) === folder.sequence ||
        places.files.has(placeKey(folder, search.upper(name))),
    )
  );
}
