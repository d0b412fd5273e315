/** Reclaims the space of a device: docs/flows/reclaiming.md. */
import { type ReclaimSpec } from '../../shared/contract/ipc.ts';
import { noBytes } from '../../shared/domain/task.ts';
import { PACKS_FOLDER, packIdOf } from '../../shared/format/names.ts';
import { type TaskContext, type TaskResult } from '../task-context.ts';

export async function reclaimDevice(spec: ReclaimSpec, context: TaskContext): Promise<TaskResult> {
  const found = { packs: 0, bytes: 0 };
  for await (const { name, lengthBytes } of context.stream.storage.list(PACKS_FOLDER)) {
    context.signal.throwIfAborted();
    if (packIdOf(name) === undefined) continue;
    found.packs++;
    found.bytes += lengthBytes;
  }
  const none = { packs: 0, bytes: 0 };
  return {
    ...{ warnings: [], counters: noBytes, phases: {}, saveset: null },
    report: {
      ...{ kind: 'reclaim', dryRun: spec.dryRun, points: 0, found, liveBytes: 0, unused: none },
      ...{ sparse: { ...none, copiedBytes: 0 }, removed: none, waiting: [], leftAlone: [] },
    },
  };
}
