/**
 * The way back of one disk: a chain of savesets to a file, segment after segment.
 *
 *   chain ──▶ manifests, indexes ──▶ each byte once, newest wins ──▶ packs in order ──▶ threads: proven ──▶ target
 *
 * What the guest did not use and what is zeros is never written: it stays a hole of the target.
 */
import { type RestoreSpec } from '../../shared/contract/ipc.ts';
import { totalLength } from '../../shared/domain/extent.ts';
import { type ManifestDisk } from '../../shared/format/manifest.ts';
import { type ChunkRead } from '../../shared/repository/resolve-disk.ts';
import { type TaskContext, type TaskResult } from '../task-context.ts';
import { OpenChain } from './open-chain.ts';
import { detourWarnings, readChunks } from './read-chunks.ts';
import { SegmentedDisk, countersOf, surveyDisk } from './segmented-disk.ts';
import { type RestoreTarget, openRawTarget, openVmdkTarget } from './target-file.ts';

/**
 * Restores one disk; the target appears under its name when every byte is proven and durable, and not at all when this
 * throws. `counters.read` are stored bytes.
 *
 * @throws AppError `USAGE_NOT_FOUND`, `RESTORE_CHAIN_BROKEN`, `RESTORE_TARGET_EXISTS`, `RESTORE_TARGET_FAILED`,
 *   `REPO_CHUNK_DAMAGED`, `REPO_CHUNK_MISSING` and what device and storage say; the signal's reason
 */
export async function restoreDisk(spec: RestoreSpec, context: TaskContext): Promise<TaskResult> {
  const { clock, signal } = context;
  const begunMs = clock.monotonicMs();
  await using chain = await OpenChain.open(spec.chain, context);
  const disk = await chain.disk(spec.diskKey);
  const segmented = await SegmentedDisk.open(chain, spec.diskKey);
  const bytes = await surveyDisk(segmented);
  signal.throwIfAborted();
  const mappedMs = clock.monotonicMs();
  const open = spec.target.format === 'vmdk' ? openVmdkTarget : openRawTarget;
  await using target = await open(spec.target.path, disk.capacityBytes, {
    overwrite: spec.target.overwrite,
  });
  const onWritten = progressOf(disk, bytes.data, context);
  let readBytes = 0;
  for (const [segment, { start }] of segmented.extents.entries()) {
    const onChunk = writerTo(target, start, onWritten);
    readBytes += await readChunks(chain, await segmented.resolve(segment), { signal, onChunk });
  }
  signal.throwIfAborted();
  await target.finish();
  return {
    warnings: detourWarnings(chain),
    counters: countersOf(bytes, readBytes),
    phases: { map: mappedMs - begunMs, write: clock.monotonicMs() - mappedMs },
    saveset: null,
  };
}

type OnChunk = (read: ChunkRead, bytes: Uint8Array) => Promise<void>;

/** @param at - where the segment begins on the disk */
function writerTo(target: RestoreTarget, at: number, onWritten: (bytes: number) => void): OnChunk {
  return async ({ writes }, bytes) => {
    for (const { start, length, offsetInChunk } of writes) {
      await target.write(at + start, bytes.subarray(offsetInChunk, offsetInChunk + length));
    }
    onWritten(totalLength(writes));
  };
}

/** Reports the beginning at once: a disk without data has no other report. */
function progressOf(disk: ManifestDisk, totalBytes: number, context: TaskContext): (bytes: number) => void {
  const what = `disk ${disk.key} "${disk.label}"`;
  let doneBytes = 0;
  const report = (bytes: number): void => {
    doneBytes += bytes;
    context.report({ phase: 'write', what, doneBytes, totalBytes });
  };
  report(0);
  return report;
}
