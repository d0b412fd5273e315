/** The gates of an NTFS volume, in the order in which they are tried: cheap ones first. All must be open to filter it. */
import { type ExtentSet, endOf, intersect, subtract, totalLength } from '../../../shared/domain/extent.ts';
import { type FreeRuns } from '../free-runs.ts';
import { readFreeClusters } from './bitmap.ts';
import { requireContent, requireName } from './family.ts';
import { gateClosed } from './gate.ts';
import { checkHibernation } from './hibernation.ts';
import { type LogFile, readLogFile } from './log-file.ts';
import { clustersOf } from './metafiles.ts';
import { type FileFamily, type Mft, readFamily } from './mft.ts';
import { clustersInLog } from './open-log.ts';
import { type Stream, requirePlain } from './stream.ts';
import { ntfsDamage, recordNumbers } from './units.ts';
import { checkVolumeRecord } from './volume-record.ts';

/** What the volume says of its free space, and what else there is to ask about it. */
export interface TrustedVolume {
  readonly mft: Mft;
  readonly free: FreeRuns;
  readonly log: LogFile;
  readonly bitmap: Stream;
}

/**
 * Tries all gates and returns what may be trusted.
 * @throws AppError `FILTER_GATE_CLOSED` or `FS_STRUCTURE_INVALID` from the first that is closed
 */
export async function openGates(mft: Mft, volumeFile: FileFamily): Promise<TrustedVolume> {
  const { volume } = mft;
  requireName(volumeFile, '$Volume');
  checkVolumeRecord(volumeFile);
  const logFile = await readFamily(mft, recordNumbers.logFile);
  requireName(logFile, '$LogFile');
  const log = await readLogFile(volume, logFile);
  await checkHibernation(mft);
  const mirror = await readMirror(mft);
  const bitmapFile = await readFamily(mft, recordNumbers.bitmap);
  requireName(bitmapFile, '$Bitmap');
  const bitmap = requirePlain(volume, requireContent(volume, bitmapFile, '$Bitmap'));
  const free = await readFreeClusters(volume, bitmap);
  const own = clustersOf(mft, [mft.content, mirror, log.stream, bitmap]);
  await checkAgainst(mft, intersect(free.runs, own), { log, bitmap });
  return { mft, free, log, bitmap };
}

async function readMirror(mft: Mft): Promise<Stream> {
  const family = await readFamily(mft, recordNumbers.mftMirror);
  const stream = requireContent(mft.volume, family, '$MFTMirr');
  if (stream.runs[0]?.lcn !== mft.volume.boot.mftMirrorLcn) {
    throw ntfsDamage('$MFTMirr', 'the boot sector names another place for it', family.base.at);
  }
  return requirePlain(mft.volume, stream);
}

/**
 * What the file system stands on must be in use, or the bits are not those of this volume. What an open log has allocated may not have
 * reached them yet: the MFT of a machine that runs has grown a moment ago.
 */
async function checkAgainst(
  mft: Mft,
  calledFree: ExtentSet,
  { log, bitmap }: Pick<TrustedVolume, 'log' | 'bitmap'>,
): Promise<void> {
  const { startBytes } = mft.volume.bytes;
  const { clusterBytes } = mft.volume.boot;
  const isLate = calledFree.length > 0 && log.state.kind === 'open';
  const late = isLate
    ? await clustersInLog(mft.volume, { stream: log.stream, ring: log.state.ring }, bitmap, calledFree)
    : [];
  const wrong = subtract(calledFree, late);
  const first = wrong[0];
  if (first === undefined) return;
  const clusters = `${totalLength(wrong)} clusters from ${first.start} to ${endOf(wrong.at(-1) ?? first)}`;
  throw gateClosed(
    'bitmap-contradicts',
    `$Bitmap calls ${clusters} free that NTFS itself uses`,
    startBytes + first.start * clusterBytes,
  );
}
