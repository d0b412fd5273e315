/**
 * A full point of a chain, made of what the chain holds: its indexes are read, reduced and written anew, no chunk is touched. The
 * master seals what comes out and removes the point that it stands for. docs/flows/consolidate.md.
 *
 *   newest ──▶ incremental ──▶ full          becomes          one saveset with layers, as full as a backup
 */
import { isoTime } from '../../shared/base/clock.ts';
import { AppError } from '../../shared/base/errors.ts';
import { PRODUCT, VERSION } from '../../shared/base/version.ts';
import { type ConsolidateSpec } from '../../shared/contract/ipc.ts';
import { bytesOf } from '../../shared/domain/extent-map.ts';
import { noBytes } from '../../shared/domain/task.ts';
import { refCount } from '../../shared/format/disk-index.ts';
import { type Manifest, type ManifestDisk, type StoredFile } from '../../shared/format/manifest.ts';
import { beginAttempt } from '../../shared/repository/attempts.ts';
import { type ConsolidatedSegment, consolidateSegment } from '../../shared/repository/consolidate-segment.ts';
import {
  indexFilesOf,
  putDiskIndex,
  putFile,
  putManifest,
  readFile,
} from '../../shared/repository/saveset-store.ts';
import { OpenChain } from '../restore/open-chain.ts';
import { type TaskContext, type TaskResult } from '../task-context.ts';

/**
 * Writes the saveset of `spec`, unsealed; its attempt ends with the seal.
 * @throws AppError `RESTORE_CHAIN_BROKEN`, `CONSOLIDATE_NOT_POSSIBLE` when the chain lies on several devices, what the device says; the
 *   signal's reason
 */
export async function consolidatePoint(spec: ConsolidateSpec, context: TaskContext): Promise<TaskResult> {
  const { clock, stream } = context;
  const begunMs = clock.monotonicMs();
  const { savesetId, runId, taskId, token } = spec;
  const startedAt = isoTime(clock.nowMs());
  await beginAttempt(stream.storage, {
    ...{ attemptId: savesetId, kind: 'consolidate', startedAt, runId, taskId, token },
  });
  await using chain = await OpenChain.open(spec.chain, context);
  const old = await chain.manifest(chain.newest);
  const disks: ManifestDisk[] = [];
  for (const disk of old.disks) disks.push(await consolidateDisk({ spec, context, chain }, disk));
  const files = await copyFiles(old, spec, context);
  const manifest = manifestOf(old, spec, { disks, files, finishedAt: isoTime(clock.nowMs()) });
  const { sha256, lengthBytes } = await putManifest(stream, manifest);
  const indexBytes = indexFilesOf(manifest).reduce((sum, file) => sum + file.lengthBytes, 0);
  return {
    warnings: [],
    counters: { ...noBytes, provisioned: old.counters.provisioned, stored: indexBytes },
    phases: { write: clock.monotonicMs() - begunMs },
    saveset: { savesetId, manifestSha256: sha256, manifestBytes: lengthBytes },
  };
}

interface Consolidation {
  readonly spec: ConsolidateSpec;
  readonly context: TaskContext;
  readonly chain: OpenChain;
}

/** Two walks over the indexes: all segments of a disk have as many layers as the one that needs most. */
async function consolidateDisk(work: Consolidation, disk: ManifestDisk): Promise<ManifestDisk> {
  const { spec, context, chain } = work;
  const segments = [...(await chain.segments(disk.key)).keys()];
  const what = `disk ${disk.key} "${disk.label}"`;
  let depth = 1;
  let only: ConsolidatedSegment | undefined;
  for (const segment of segments) {
    context.report({ phase: 'map', what, doneBytes: 0, totalBytes: 0 });
    const consolidated = await readSegment(work, disk, segment);
    depth = Math.max(depth, consolidated.depth);
    if (segments.length === 1) only = consolidated;
  }
  const layers = Array.from({ length: depth }, (): { segments: StoredFile[] } => ({ segments: [] }));
  const sum = { freeBytes: 0, packs: 0, chunks: 0 };
  for (const segment of segments) {
    context.report({ phase: 'write', what, doneBytes: 0, totalBytes: 0 });
    const consolidated = only ?? (await readSegment(work, disk, segment));
    for (const [layer, index] of consolidated.indexes(depth).entries()) {
      context.signal.throwIfAborted();
      const place = { diskKey: disk.key, layer, segment };
      layers[layer]?.segments.push(await putDiskIndex(context.stream, spec.savesetId, place, index));
      if (layer === 0) sum.freeBytes += bytesOf(index, 'free');
      sum.packs += index.packs.length;
      sum.chunks += refCount(index);
    }
  }
  return { ...disk, type: 'full', base: null, layers, ...sum };
}

async function readSegment(
  { context, chain }: Consolidation,
  disk: ManifestDisk,
  segment: number,
): Promise<ConsolidatedSegment> {
  const indexes = await chain.indexes(disk.key, segment);
  const { deviceId } = context.stream.header;
  const elsewhere = indexes.find((link) => link.deviceId !== deviceId);
  if (elsewhere === undefined) return consolidateSegment(indexes);
  const { savesetId } = chain.newest;
  throw new AppError(
    'CONSOLIDATE_NOT_POSSIBLE',
    `Cannot consolidate restore point ${savesetId}: its chain lies on several devices`,
    { savesetId, device: elsewhere.deviceId },
  );
}

/** A file proves its name, so it is stored anew. */
async function copyFiles(
  old: Manifest,
  { savesetId }: ConsolidateSpec,
  { stream, signal }: TaskContext,
): Promise<StoredFile[]> {
  const files: StoredFile[] = [];
  for (const file of old.files) {
    signal.throwIfAborted();
    files.push(await putFile(stream, savesetId, file.name, await readFile(stream, old.savesetId, file)));
  }
  return files;
}

function manifestOf(
  old: Manifest,
  spec: ConsolidateSpec,
  made: Pick<Manifest, 'disks' | 'files' | 'finishedAt'>,
): Manifest {
  const { savesetId, runId, taskId, attempt, token } = spec;
  return {
    ...old,
    producer: { product: PRODUCT, version: VERSION },
    ...{ savesetId, runId, taskId, attempt, token },
    type: 'full',
    base: null,
    standsFor: [old.savesetId, ...old.standsFor],
    packsWritten: [],
    ...made,
  };
}
