/** Which packs go, which are rewritten, and which stay although little of them is in use. */
import { hasCode } from '../../shared/base/errors.ts';
import { toHex } from '../../shared/format/hash.ts';
import { CHUNK_HEADER_BYTES } from '../../shared/format/pack.ts';
import { type PackEntry } from '../../shared/format/pack-directory.ts';
import { isMarked } from '../../shared/repository/damage-marks.ts';
import { readDirectory } from '../../shared/repository/pack-directories.ts';
import { type Census, type Fate, type PackUse, fateOf, isOfAttempt } from './pack-census.ts';
import { TAG_BYTES, type UsedPlace } from './places.ts';
import { type ReclaimContext } from './reclaim-context.ts';

export interface Choice {
  readonly unused: ReadonlySet<string>;
  readonly sparse: ReadonlySet<string>;
  /** Records in them that no index names, but that stand in for damaged ones. */
  readonly standIns: ReadonlyMap<string, readonly UsedPlace[]>;
}

export interface ChoiceInput {
  readonly census: Census;
  readonly marks: ReadonlySet<string>;
  /** Packs that are condemned already. */
  readonly condemned: ReadonlySet<string>;
  /** Those of them that go now unless they are needed. */
  readonly leaving: ReadonlySet<string>;
  /** Other attempts that were under way after the packs were listed. */
  readonly attempts: ReadonlySet<string>;
}

export async function choosePacks(context: ReclaimContext, input: ChoiceInput): Promise<Choice> {
  const { census, condemned, leaving, attempts } = input;
  const standIns = new Map<string, readonly UsedPlace[]>();
  const chosen = { unused: new Set<string>(), sparse: new Set<string>() };
  for (const [packId, pack] of census.packs) {
    if (fateOf(pack, context.sparsePercent) === 'kept' && !leaving.has(packId)) continue;
    context.signal.throwIfAborted();
    if (!leaving.has(packId)) {
      if (condemned.has(packId)) continue;
      if (await isOfAttempt(context.device.storage, packId, attempts)) continue;
    }
    const found = await findStandIns(context, input, packId);
    if (found.length > 0) standIns.set(packId, found);
    pack.liveBytes += found.reduce((sum, { storedLength }) => sum + CHUNK_HEADER_BYTES + storedLength, 0);
    if (!leaving.has(packId)) note(chosen, packId, fateOf(pack, context.sparsePercent));
  }
  return { ...chosen, standIns };
}

function note(chosen: Record<'unused' | 'sparse', Set<string>>, packId: string, fate: Fate): void {
  if (fate !== 'kept') chosen[fate].add(packId);
}

/** When nobody can tell, the whole pack counts as in use. */
async function findStandIns(
  context: ReclaimContext,
  { census, marks }: ChoiceInput,
  packId: string,
): Promise<UsedPlace[]> {
  if (census.wanted.size === 0) return [];
  const found: UsedPlace[] = [];
  for (const entry of await entriesOf(context, packId, census.packs.get(packId))) {
    const tag = toHex(entry.id.subarray(0, TAG_BYTES));
    if (!census.wanted.has(tag) || isMarked(marks, { packId, offset: entry.offset })) continue;
    census.wanted.delete(tag);
    found.push({ ...entry, tag: entry.id.slice(0, TAG_BYTES), hops: 0 });
  }
  return found;
}

async function entriesOf(
  { device, letAlone }: ReclaimContext,
  packId: string,
  pack: PackUse | undefined,
): Promise<readonly PackEntry[]> {
  if (pack === undefined) return [];
  try {
    return await readDirectory(device.storage, { packId, lengthBytes: pack.lengthBytes });
  } catch (error) {
    if (!hasCode(error, 'FORMAT_INVALID', 'FORMAT_VERSION_UNKNOWN', 'REPO_READ_FAILED')) throw error;
    letAlone(packId, 'its directory cannot be read, and other chunks are lost that may be in it');
    pack.liveBytes = pack.lengthBytes;
    return [];
  }
}
