/**
 * Every ref of every index against the directories: the record must be there, with the same lengths and the same beginning of
 * its id. One index and a bounded number of directories are in memory at a time; points of one VM come behind each other, as
 * they name the same packs.
 */
import { hasCode } from '../../shared/base/errors.ts';
import { type DiskIndex, refAt, refCount } from '../../shared/format/disk-index.ts';
import { toHex } from '../../shared/format/hash.ts';
import { type ManifestDisk } from '../../shared/format/manifest.ts';
import { savesetFolder } from '../../shared/format/names.ts';
import { type OpenDevice } from '../../shared/repository/device.ts';
import { MovedPlaces } from '../../shared/repository/moved-places.ts';
import { readDiskIndex, readManifest } from '../../shared/repository/saveset-store.ts';
import { type Check, isDamage, reasonOf } from './check.ts';
import { type CheckedPoint } from './check-savesets.ts';
import { PointSet } from './findings.ts';
import { LostRefs } from './lost-refs.ts';

/** The chunks that points need and that are not where they are said to be. */
export async function checkRefs(
  check: Check,
  device: OpenDevice,
  points: readonly CheckedPoint[],
): Promise<LostRefs> {
  const lost = new LostRefs();
  const walk: RefWalk = { check, device, lost, moved: new MovedPlaces(device.storage) };
  const ordered = [...points].sort(
    (a, b) => compare(a.vm, b.vm) || compare(a.createdAt, b.createdAt) || compare(a.savesetId, b.savesetId),
  );
  for (const [i, { savesetId }] of ordered.entries()) {
    check.signal.throwIfAborted();
    check.options.progress('points', i + 1, ordered.length, 'objects');
    await checkPointRefs(walk, savesetId);
  }
  await findElsewhere(check, lost);
  return lost;
}

interface RefWalk {
  readonly check: Check;
  readonly device: OpenDevice;
  readonly lost: LostRefs;
  readonly moved: MovedPlaces;
}

async function checkPointRefs(walk: RefWalk, savesetId: string): Promise<void> {
  const disks = await disksOf(walk.device, savesetId);
  for (const disk of disks) {
    for (const [layer, { segments }] of disk.layers.entries()) {
      for (const [segment, file] of segments.entries()) {
        const index = await indexOf(walk, savesetId, { disk, layer, segment, name: file.name });
        if (index !== undefined) await checkIndex(walk, savesetId, index);
      }
    }
  }
}

/** None of a point that has been removed since its manifest was checked. */
async function disksOf(device: OpenDevice, savesetId: string): Promise<readonly ManifestDisk[]> {
  try {
    return (await readManifest(device, savesetId)).manifest.disks;
  } catch (error) {
    if (hasCode(error, 'REPO_OBJECT_MISSING')) return [];
    throw error;
  }
}

interface IndexAt {
  readonly disk: ManifestDisk;
  readonly layer: number;
  readonly segment: number;
  readonly name: string;
}

async function indexOf(walk: RefWalk, savesetId: string, at: IndexAt): Promise<DiskIndex | undefined> {
  const { check, device, moved } = walk;
  try {
    const index = await readDiskIndex(device, savesetId, at.disk, at);
    return await moved.follow(index, check.signal);
  } catch (error) {
    // one that is not there was told with its folder
    if (!isDamage(error)) throw error;
    const points = new PointSet();
    points.add(savesetId);
    if (error.code !== 'REPO_OBJECT_MISSING')
      check.found.add({
        severity: 'damage',
        inherited: true,
        object: `${savesetFolder(savesetId)}/${at.name}`,
        what: reasonOf(error),
        remedy: `Disk ${at.disk.key} of this point, and of points that build on it, cannot be restored there`,
        points,
      });
    return undefined;
  }
}

async function checkIndex({ check, lost }: RefWalk, savesetId: string, index: DiskIndex): Promise<void> {
  const { packs } = check.survey;
  for (const [packNo, refs] of refsByPack(index).entries()) {
    if (refs.length === 0) continue;
    check.signal.throwIfAborted();
    const pack = packs.numberOf(index.packs[packNo] ?? '');
    const list = pack === undefined ? undefined : await check.directories.list(pack);
    for (const refNo of refs) {
      const ref = refAt(index, refNo);
      const i = list?.at(ref.offset) ?? -1;
      const isThere = pack !== undefined && list?.holds(i, ref) === true && i >= 0;
      if (isThere) check.useRecord(pack, i, ref.storedLength);
      if (!isThere || packs.bad.has(packs.recordNo(pack, i))) lost.add(ref, savesetId);
    }
  }
}

/** The numbers of the refs by the number of their pack, in the order of the disk. */
function refsByPack(index: DiskIndex): readonly Uint32Array[] {
  const counts = new Uint32Array(index.packs.length);
  const packNoOf = packNumbers(index);
  for (const packNo of packNoOf) counts[packNo] = Number(counts[packNo]) + 1;
  const lists = [...counts].map((count) => new Uint32Array(count));
  const filled = new Uint32Array(index.packs.length);
  for (const [ref, packNo] of packNoOf.entries()) {
    const list = lists[packNo];
    if (list !== undefined) list[Number(filled[packNo])] = ref;
    filled[packNo] = Number(filled[packNo]) + 1;
  }
  return lists;
}

function packNumbers(index: DiskIndex): Uint32Array {
  const numbers = new Map(index.packs.map((packId, i) => [packId, i]));
  return Uint32Array.from(
    { length: refCount(index) },
    (_, ref) => numbers.get(refAt(index, ref).packId) ?? 0,
  );
}

/** Looks in all directories for another sound record of each chunk; only when one is lost. */
async function findElsewhere(check: Check, lost: LostRefs): Promise<void> {
  if (lost.size === 0) return;
  const wanted = new Map<string, Uint8Array>();
  for (const { id } of lost.values()) wanted.set(toHex(id), id);
  const found = new Set<string>();
  const { packs } = check.survey;
  for (let pack = 0; pack < packs.count; pack++) {
    check.options.progress('packs that may hold lost chunks', pack + 1, packs.count, 'objects');
    const entries = (await check.directories.read(pack))?.entries ?? [];
    for (const [i, { id }] of entries.entries()) {
      const key = toHex(id);
      const isIt = wanted.has(key) && !packs.bad.has(packs.recordNo(pack, i));
      if (isIt) found.add(key);
    }
  }
  for (const ref of lost.values()) ref.isElsewhere = found.has(toHex(ref.id));
}

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
