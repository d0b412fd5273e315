/**
 * The way back of one disk: a chain of savesets to a file.
 *
 *   chain ──▶ manifests, indexes ──▶ each byte once, newest wins ──▶ packs in order ──▶ threads: proven ──▶ target
 *
 * What the guest did not use and what is zeros is never written: it stays a hole of the target.
 */
import { type RestoreSpec } from '../../shared/contract/ipc.ts';
import { totalLength } from '../../shared/domain/extent.ts';
import { type ManifestDisk } from '../../shared/format/manifest.ts';
import { type ChunkRead, type ResolvedDisk, resolveDisk } from '../../shared/repository/resolve-disk.ts';
import { type TaskContext, type TaskResult } from '../task-context.ts';
import { OpenChain } from './open-chain.ts';
import { bytesOfKind, countersOf, detourWarnings, readChunks } from './read-chunks.ts';
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
  const resolved = resolveDisk(await chain.indexes(spec.diskKey));
  signal.throwIfAborted();
  const mappedMs = clock.monotonicMs();
  const open = spec.target.format === 'vmdk' ? openVmdkTarget : openRawTarget;
  await using target = await open(spec.target.path, resolved.capacityBytes, {
    overwrite: spec.target.overwrite,
  });
  const onChunk = writerTo(target, progressOf(disk, resolved, context));
  const readBytes = await readChunks(chain, resolved, { signal, onChunk });
  signal.throwIfAborted();
  await target.finish();
  return {
    warnings: detourWarnings(chain),
    counters: countersOf(resolved, readBytes),
    phases: { map: mappedMs - begunMs, write: clock.monotonicMs() - mappedMs },
    saveset: null,
  };
}

type OnChunk = (read: ChunkRead, bytes: Uint8Array) => Promise<void>;

function writerTo(target: RestoreTarget, onWritten: (bytes: number) => void): OnChunk {
  return async ({ writes }, bytes) => {
    for (const { start, length, offsetInChunk } of writes) {
      await target.write(start, bytes.subarray(offsetInChunk, offsetInChunk + length));
    }
    onWritten(totalLength(writes));
  };
}

/** Reports the beginning at once: a disk without data has no other report. */
function progressOf(
  disk: ManifestDisk,
  resolved: ResolvedDisk,
  context: TaskContext,
): (bytes: number) => void {
  const what = `disk ${disk.key} "${disk.label}"`;
  const totalBytes = bytesOfKind(resolved, 'data');
  let doneBytes = 0;
  const report = (bytes: number): void => {
    doneBytes += bytes;
    context.report({ phase: 'write', what, doneBytes, totalBytes });
  };
  report(0);
  return report;
}
