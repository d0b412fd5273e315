/** Which other restore points of a device use records that were found damaged; asked only when some were. */
import { hasCode } from '../../shared/base/errors.ts';
import { type DiskIndex, refsOf } from '../../shared/format/disk-index.ts';
import { type ManifestDisk } from '../../shared/format/manifest.ts';
import { type RecordPlace } from '../../shared/repository/damage-marks.ts';
import { type OpenDevice } from '../../shared/repository/device.ts';
import { MovedPlaces } from '../../shared/repository/moved-places.ts';
import { listSealed, readManifest, readSegment } from '../../shared/repository/saveset-store.ts';
import { segmentCount } from '../../shared/format/segments.ts';

/** Bounds the time: what is not looked at is told. */
const MAX_POINTS = 5_000;

export interface PointsInvolved {
  readonly points: readonly string[];
  /** False when there were more points than are looked at. */
  readonly isComplete: boolean;
}

/**
 * The sealed points that name one of `places`, in order. Points that cannot be read are left out: their own verification tells.
 * @throws AppError when the device cannot be read; the signal's reason
 */
export async function pointsInvolved(
  device: OpenDevice,
  places: readonly RecordPlace[],
  signal: AbortSignal,
): Promise<PointsInvolved> {
  const wanted = new Set(places.map(({ packId, offset }) => `${packId}.${offset}`));
  const packs = new Set(places.map(({ packId }) => packId));
  const moved = new MovedPlaces(device.storage);
  const points: string[] = [];
  let looked = 0;
  for await (const savesetId of listSealed(device.storage)) {
    if (++looked > MAX_POINTS) return { points: points.sort(), isComplete: false };
    const search = { device, moved, wanted, packs, signal };
    if (await names(search, savesetId)) points.push(savesetId);
  }
  return { points: points.sort(), isComplete: true };
}

interface Search {
  readonly device: OpenDevice;
  readonly moved: MovedPlaces;
  readonly wanted: ReadonlySet<string>;
  readonly packs: ReadonlySet<string>;
  readonly signal: AbortSignal;
}

async function names(search: Search, savesetId: string): Promise<boolean> {
  try {
    const { manifest } = await readManifest(search.device, savesetId);
    for (const disk of manifest.disks) if (await diskNames(search, savesetId, disk)) return true;
    return false;
  } catch (error) {
    const isOfThisPoint = hasCode(
      error,
      'FORMAT_INVALID',
      'FORMAT_VERSION_UNKNOWN',
      'REPO_OBJECT_MISSING',
      'REPO_READ_FAILED',
    );
    if (isOfThisPoint) return false;
    throw error;
  }
}

async function diskNames(search: Search, savesetId: string, disk: ManifestDisk): Promise<boolean> {
  const { device, moved, signal } = search;
  const segments = segmentCount(disk.capacityBytes, device.header.segmentBytes);
  for (let segment = 0; segment < segments; segment++) {
    signal.throwIfAborted();
    for (const stored of await readSegment(device, savesetId, disk, segment)) {
      if (namesOne(search, await moved.follow(stored, signal))) return true;
    }
  }
  return false;
}

function namesOne({ wanted, packs }: Search, index: DiskIndex): boolean {
  if (!index.packs.some((packId) => packs.has(packId))) return false;
  for (const { packId, offset } of refsOf(index)) if (wanted.has(`${packId}.${offset}`)) return true;
  return false;
}
