/**
 * Proves that a restore point can be restored: every chunk of every disk is read and hashed as a restore would, and every
 * file of the saveset. All damage is collected before it is told, so that one look says what the point is still good for.
 */
import { type AppError, hasCode, toAppError } from '../../shared/base/errors.ts';
import { type VerifySpec } from '../../shared/contract/ipc.ts';
import { shift, totalLength } from '../../shared/domain/extent.ts';
import { type ByteCounters, addCounters, noBytes } from '../../shared/domain/task.ts';
import { type Manifest, type ManifestDisk } from '../../shared/format/manifest.ts';
import { markDamaged } from '../../shared/repository/damage-marks.ts';
import { type ChunkRead } from '../../shared/repository/resolve-disk.ts';
import { readFile } from '../../shared/repository/saveset-store.ts';
import { OpenChain } from '../restore/open-chain.ts';
import { detourWarnings, readChunks } from '../restore/read-chunks.ts';
import { SegmentedDisk, countersOf, surveyDisk } from '../restore/segmented-disk.ts';
import { type TaskContext, type TaskResult } from '../task-context.ts';
import { Findings, nameOf } from './findings.ts';
import { filesOfLosses } from './lost-files.ts';
import { pointsInvolved } from './other-points.ts';
import { PointDisk } from './point-disk.ts';

/** Bounds the small files that a device gets when much of it is lost; the next verification marks the rest. */
const MAX_MARKS = 4096;

/**
 * Verifies the newest saveset of a chain. Damaged records are marked, so that new restore points do not build on them, and that
 * reclaiming keeps what stands in for them.
 * `counters.read` are stored bytes.
 *
 * What is lost is the result's failure, `VERIFY_FAILED`, beside a report.
 * @throws AppError what a device says that cannot be read at all; the signal's reason
 */
export async function verifyPoint(spec: VerifySpec, context: TaskContext): Promise<TaskResult> {
  const begunMs = context.clock.monotonicMs();
  await using chain = await OpenChain.open(spec.chain, context);
  const verification: Verification = { chain, context, findings: new Findings(), damaged: [], passed: [] };
  const { savesetId } = chain.newest;
  const counters = await verifyAll(verification);
  await markAll(verification);
  await findOthers(verification);
  await findFiles(verification);
  const { findings } = verification;
  return {
    warnings: detourWarnings(chain),
    counters,
    phases: { read: context.clock.monotonicMs() - begunMs },
    saveset: null,
    report: findings.report(savesetId) ?? null,
    failure: findings.failure(savesetId),
  };
}

interface Verification {
  readonly chain: OpenChain;
  readonly context: TaskContext;
  readonly findings: Findings;
  /** Records of which nothing else has the chunk. */
  readonly damaged: DamagedRecord[];
  /** Records whose chunk was found elsewhere. */
  readonly passed: DamagedRecord[];
}

type DamagedRecord = Pick<ChunkRead, 'deviceId' | 'packId' | 'offset'>;

async function verifyAll(verification: Verification): Promise<ByteCounters> {
  const { chain } = verification;
  const manifest = await orFinding(verification, 'the manifest', () => chain.manifest(chain.newest));
  if (manifest === undefined) return noBytes;
  await verifyFiles(verification, manifest);
  let counters: ByteCounters = noBytes;
  for (const disk of manifest.disks) {
    const ofDisk = await orFinding(verification, nameOf(disk), () => verifyDisk(verification, disk));
    counters = addCounters(counters, ofDisk ?? noBytes);
  }
  return counters;
}

async function verifyFiles(verification: Verification, manifest: Manifest): Promise<void> {
  const { chain, context } = verification;
  const device = chain.device(chain.newest.device.deviceId);
  for (const file of manifest.files) {
    context.signal.throwIfAborted();
    await orFinding(verification, `"${file.name}"`, () => readFile(device, manifest.savesetId, file));
  }
}

async function verifyDisk(verification: Verification, disk: ManifestDisk): Promise<ByteCounters> {
  const { chain, context, findings, damaged, passed } = verification;
  const { proven } = context.stream;
  const segmented = await SegmentedDisk.open(chain, disk.key);
  const bytes = await surveyDisk(segmented);
  const losses = findings.addDisk(disk);
  const totalBytes = bytes.data;
  let doneBytes = 0;
  const onDone = (bytes: number): void => {
    doneBytes += bytes;
    context.report({ phase: 'read', what: nameOf(disk), doneBytes, totalBytes });
  };
  onDone(0);
  let readBytes = 0;
  for (const [segment, { start }] of segmented.extents.entries()) {
    readBytes += await readChunks(chain, await segmented.resolve(segment), {
      signal: context.signal,
      isKnown: (read) => {
        const isKnown = proven.has(read);
        if (isKnown) onDone(totalLength(read.writes));
        return isKnown;
      },
      onChunk: (read, _bytes, found) => {
        if (found === 'in place') proven.add(read);
        if (found === 'past damage') note(passed, read);
        onDone(totalLength(read.writes));
      },
      onLost: (read, error) => {
        losses.add(shift(read.writes, start));
        if (hasCode(error, 'REPO_CHUNK_DAMAGED')) note(damaged, read);
        onDone(totalLength(read.writes));
      },
    });
  }
  return countersOf(bytes, readBytes);
}

function note(records: DamagedRecord[], { deviceId, packId, offset }: ChunkRead): void {
  if (records.length < MAX_MARKS) records.push({ deviceId, packId, offset });
}

/** A device that takes no marks is still verified: what was found matters more. */
async function markAll({ chain, context, damaged, passed }: Verification): Promise<void> {
  const records = [...damaged, ...passed];
  if (records.length === 0) return;
  // what the stream knows of its device was read before the marks
  context.stream.forgetLookup();
  try {
    for (const { deviceId, packId, offset } of records) {
      context.signal.throwIfAborted();
      await markDamaged(chain.device(deviceId).storage, { packId, offset });
    }
  } catch (error) {
    context.signal.throwIfAborted();
    context.log.warn('Damaged chunks could not be marked', { reason: toAppError(error).message });
  }
}

/** Other points that use what is damaged; not finding them hides nothing of what was found. */
async function findOthers({ chain, context, findings, damaged }: Verification): Promise<void> {
  for (const deviceId of new Set(damaged.map((place) => place.deviceId))) {
    const places = damaged.filter((place) => place.deviceId === deviceId);
    try {
      const { points, isComplete } = await pointsInvolved(chain.device(deviceId), places, context.signal);
      const others = points.filter((savesetId) => savesetId !== chain.newest.savesetId);
      findings.addOthers(others, isComplete);
    } catch (error) {
      context.signal.throwIfAborted();
      context.log.warn('Other points with the same damage not found', { reason: toAppError(error).message });
    }
  }
}

/** Files that lie where bytes are lost; not finding them hides nothing of what was found. */
async function findFiles({ chain, context, findings }: Verification): Promise<void> {
  for (const [key, losses] of findings.lossy) {
    const lost = losses.ranges;
    try {
      const { capacityBytes } = await chain.disk(key);
      const disk = await PointDisk.open(chain, { key, capacityBytes, lost }, context.signal);
      losses.setFiles(await filesOfLosses(disk, lost));
    } catch (error) {
      context.signal.throwIfAborted();
      const { message: reason } = toAppError(error);
      losses.setFiles({ volumes: [], outsideBytes: 0, reason });
    }
  }
}

/** Runs one step; damage becomes a finding and gives undefined, anything else is thrown. */
async function orFinding<T>(
  { findings }: Verification,
  what: string,
  step: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await step();
  } catch (error) {
    if (!isDamage(error)) throw error;
    findings.addUnreadable(what, error);
    return undefined;
  }
}

function isDamage(error: unknown): error is AppError {
  return hasCode(error, 'FORMAT_INVALID', 'REPO_OBJECT_MISSING', 'REPO_READ_FAILED', 'RESTORE_CHAIN_BROKEN');
}
