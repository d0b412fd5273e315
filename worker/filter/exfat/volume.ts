/**
 * One volume of exFAT: which of its bytes nobody needs. Its allocation bitmap is trusted when the volume was left clean, and when
 * it calls used what the file system stands on. Boot regions, the FAT, everything before and behind the clusters stay.
 */
import { type Extent, intersect, normalize, totalLength } from '../../../shared/domain/extent.ts';
import { type FileSystemFindings } from '../file-system.ts';
import { type FreeRuns, createBitmapScan } from '../free-runs.ts';
import { gateOf } from '../gate.ts';
import { type VolumeBytes } from '../volume-bytes.ts';
import { type BootRegion, MAX_REGION_BYTES, decodeBootRegion } from './boot-region.ts';
import { type Fat, openFat } from './fat.ts';
import { type FilePlace, type RootDirectory, readRootDirectory, readRuns } from './root-directory.ts';
import { exfatDamage, gateClosed } from './units.ts';

/** Looks into the volume; what it holds is never thrown, only the transport's failures and cancelling are. */
export async function examineExfat(bytes: VolumeBytes): Promise<FileSystemFindings> {
  const known = { fileSystem: 'exFAT', label: null as string | null, clusterBytes: null as number | null };
  try {
    const raw = new Uint8Array(Math.min(MAX_REGION_BYTES, bytes.lengthBytes));
    await bytes.readInto(0, raw);
    const boot = decodeBootRegion(raw, bytes.startBytes);
    const { clusterBytes, heapAt } = boot;
    known.clusterBytes = clusterBytes;
    if (boot.lengthBytes > bytes.lengthBytes) {
      throw exfatDamage('boot region', 'the volume is larger than its partition', bytes.startBytes + 72);
    }
    const fat = openFat(bytes, boot);
    const root = await readRootDirectory(bytes, boot, fat);
    known.label = root.label;
    const { runs, count } = await readBitmap(bytes, { boot, fat, root });
    const free = runs.map(({ start, length }) => ({
      start: heapAt + start * clusterBytes,
      length: length * clusterBytes,
    }));
    const numbers = { usedBytes: (boot.clusters - count) * clusterBytes, freeBytes: count * clusterBytes };
    return { ...known, ...numbers, free, kept: [], gate: null, reason: null };
  } catch (error) {
    const closed = gateOf(error);
    if (closed === null) throw error;
    return { ...known, usedBytes: null, freeBytes: null, free: [], kept: [], ...closed };
  }
}

interface Opened {
  readonly boot: BootRegion;
  readonly fat: Fat;
  readonly root: RootDirectory;
}

/** Free clusters, counted from 0. @throws AppError when the bitmap cannot be, or contradicts what is known */
async function readBitmap(bytes: VolumeBytes, { boot, fat, root }: Opened): Promise<FreeRuns> {
  const at = bytes.startBytes + boot.heapAt;
  const { clusters } = boot;
  if (root.bitmap.lengthBytes !== Math.ceil(clusters / 8)) {
    throw exfatDamage('allocation bitmap', `it has ${root.bitmap.lengthBytes} bytes`, at);
  }
  const bitmapRuns = await runsOf(bytes, { boot, fat, file: root.bitmap });
  if (bitmapRuns.length !== 1) throw exfatDamage('allocation bitmap', 'it lies in several pieces', at);
  const upcaseRuns = await runsOf(bytes, { boot, fat, file: root.upcase });
  const scan = createBitmapScan(clusters);
  for await (const { piece } of readRuns(bytes, boot, bitmapRuns)) scan.add(piece);
  const free = scan.finish();
  checkOwn(free, [...bitmapRuns, ...upcaseRuns, ...root.runs], at);
  return free;
}

/** The chain of a file, which has just as many clusters as its length wants. */
async function runsOf(
  bytes: VolumeBytes,
  { boot, fat, file }: { boot: BootRegion; fat: Fat; file: FilePlace },
): Promise<readonly Extent[]> {
  const wanted = Math.ceil(file.lengthBytes / boot.clusterBytes);
  const runs = await fat.chain(file.firstCluster, Math.min(wanted, boot.clusters));
  if (totalLength(runs) === wanted) return runs;
  throw exfatDamage('FAT', `a chain ends before its ${wanted} clusters`, bytes.startBytes + boot.fatAt);
}

/** What the file system stands on must be in use, and lie apart. */
function checkOwn(free: FreeRuns, own: readonly Extent[], at: number): void {
  const joined = normalize(own);
  if (totalLength(joined) !== totalLength(own)) {
    throw exfatDamage('root directory', 'what it names lies on top of each other', at);
  }
  const wrong = totalLength(intersect(free.runs, joined));
  if (wrong === 0) return;
  const reason = `The bitmap calls ${wrong} clusters free that the file system itself uses`;
  throw gateClosed('bitmap-contradicts', reason, at);
}
