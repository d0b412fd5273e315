/**
 * What the paths of a job stand for on one volume: a file, a folder, or nothing that can be left out, and why. Each step of a path
 * is found in the index of its folder and then held against its file record, which must name that folder in turn.
 *
 * Source: docs/format/ntfs.md, section 11.
 */
import { type ExcludedPath, swapFileNames } from '../../../shared/domain/excluded-path.ts';
import { fieldsOf } from '../fields.ts';
import { type FileExclusion } from '../file-system.ts';
import { gateOf } from '../gate.ts';
import { type ReadBudget, directoryEntries } from './directory-entries.ts';
import { readStart, residentOf } from './family.ts';
import { isSame, namesOf } from './file-names.ts';
import { type FileReference } from './file-record.ts';
import { type FileFamily, type Mft, readFamily } from './mft.ts';
import { FIRST_FILE_RECORD, attributeTypes, complainOf, ntfsDamage, recordNumbers } from './units.ts';
import { type UpperCase } from './upper-case.ts';

/** Bit of a reparse tag: the content is found under another name, as with links and mount points. */
const LEADS_ELSEWHERE = 0x20000000;
const HIBERNATION_FILE = 'HIBERFIL.SYS';
/** What the hibernation file begins with after Windows woke up, beside zeros. */
const AWAKE = /^(?:wake|\0{4})$/i;

export type Target =
  | { readonly kind: 'folder'; readonly folder: FileFamily }
  | {
      readonly kind: 'file';
      readonly file: FileReference;
      readonly folder: FileReference;
      readonly name: string;
    }
  | { readonly kind: 'none'; readonly why: string };

export interface WantedPath {
  readonly path: ExcludedPath;
  /** A file of that name is what is meant, and no news when there is none. */
  readonly isSwap: boolean;
}

export interface TargetSearch {
  readonly mft: Mft;
  readonly upper: UpperCase;
  readonly budget: ReadBudget;
}

/** The paths that concern a volume with this label. */
export function pathsFor({ swap, paths }: FileExclusion, label: string | null): WantedPath[] {
  const swapPaths = swapFileNames.map((name) => ({ text: `\\${name}`, label: null, names: [name] }));
  const own = paths.filter((path) => path.label === null || isSameLabel(path.label, label));
  return [
    ...(swap ? swapPaths : []).map((path) => ({ path, isSwap: true })),
    ...own.map((path) => ({ path, isSwap: false })),
  ];
}

const isSameLabel = (wanted: string, label: string | null): boolean =>
  wanted.toUpperCase() === (label ?? '').toUpperCase();

export const NOT_FOUND: Target = { kind: 'none', why: 'there is no such name' };

/** What `path` stands for; damage on the way is a reason, too. */
export async function findTarget(search: TargetSearch, { path, isSwap }: WantedPath): Promise<Target> {
  try {
    const target = await followPath(search, path.names);
    const isFolder = isSwap && target.kind === 'folder';
    return isFolder ? { kind: 'none', why: 'it is a folder' } : target;
  } catch (error) {
    const closed = gateOf(error);
    if (closed === null) throw error;
    return { kind: 'none', why: `it cannot be read: ${closed.reason}` };
  }
}

async function followPath(search: TargetSearch, names: readonly string[]): Promise<Target> {
  const { mft, upper } = search;
  let folder = await readFamily(mft, recordNumbers.root);
  for (const [step, name] of names.entries()) {
    const found = await findName(search, folder, name);
    if (found === 'none') return NOT_FOUND;
    if (found === 'several') return { kind: 'none', why: `"${name}" is there in more than one case` };
    if (found.number < FIRST_FILE_RECORD) return { kind: 'none', why: `"${name}" belongs to NTFS` };
    const family = await readFamily(mft, found.number, found.sequence);
    const place = referenceOf(folder);
    requireNamed(family, place, (candidate) => upper(candidate) === upper(name));
    const isLast = step === names.length - 1;
    if (!family.base.isDirectory) {
      if (!isLast) return NOT_FOUND;
      const why = step === 0 && upper(name) === HIBERNATION_FILE ? await whyAsleep(mft, family) : null;
      return why === null
        ? { kind: 'file', file: found, folder: place, name: upper(name) }
        : { kind: 'none', why };
    }
    if (leadsElsewhere(family)) return { kind: 'none', why: `"${name}" is a link to another place` };
    folder = family;
  }
  return { kind: 'folder', folder };
}

async function findName(
  { mft, upper, budget }: TargetSearch,
  folder: FileFamily,
  name: string,
): Promise<FileReference | 'none' | 'several'> {
  const wanted = upper(name);
  let found: FileReference | null = null;
  for await (const entry of directoryEntries(mft.volume, folder, budget)) {
    if (upper(entry.name) !== wanted) continue;
    if (found !== null) return 'several';
    found = entry.reference;
  }
  return found ?? 'none';
}

/** The reference that names this use of the record. */
export function referenceOf({ base: { number, sequence } }: FileFamily): FileReference {
  return { number, sequence };
}

/** @throws AppError `FS_STRUCTURE_INVALID` when the record has no such name in `folder` */
function requireNamed(family: FileFamily, folder: FileReference, isWanted: (name: string) => boolean): void {
  const isThere = namesOf(family).some(
    (candidate) => !candidate.isShort && isSame(candidate.folder, folder) && isWanted(candidate.name),
  );
  if (!isThere) {
    const { number, at } = family.base;
    throw ntfsDamage(`file record ${number}`, 'it is not in the folder that lists it', at);
  }
}

/** True for a folder whose content is another one's: nothing of that is left out. */
export function leadsElsewhere(family: FileFamily): boolean {
  const isReparsePoint = family.attributes.some(({ type }) => type === attributeTypes.reparsePoint);
  if (!isReparsePoint) return false;
  const point = residentOf(family, attributeTypes.reparsePoint);
  if (point === null) return true;
  const tag = fieldsOf(point.value, point.valueAt, complainOf('reparse point')).u32(0);
  return (tag & LEADS_ELSEWHERE) !== 0;
}

/** Why Windows may still want the hibernation file, or null. That it is hibernated has closed a gate before. */
async function whyAsleep({ volume }: Mft, file: FileFamily): Promise<string | null> {
  const start = await readStart(volume, file, 4);
  const isAwake = start !== null && AWAKE.test(String.fromCharCode(...start).padEnd(4, '\0'));
  return isAwake ? null : 'it does not tell that Windows is done with it';
}
