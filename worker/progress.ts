/** Progress is lossy: a few messages a second are plenty, but a new phase is always told. */
import { type Clock } from '../shared/base/clock.ts';
import { type TaskProgress } from '../shared/contract/ipc.ts';

const PAUSE_MS = 250;

/** `send`, at most every quarter of a second, or at once when phase or object change or the end is reached. */
export function throttled(
  clock: Clock,
  send: (progress: TaskProgress) => void,
): (progress: TaskProgress) => void {
  let last: TaskProgress | undefined;
  let sentMs = 0;
  return (progress) => {
    const isNew = last?.phase !== progress.phase || last.what !== progress.what;
    const isDone = progress.doneBytes === progress.totalBytes;
    if (!isNew && !isDone && clock.monotonicMs() - sentMs < PAUSE_MS) return;
    last = progress;
    sentMs = clock.monotonicMs();
    send(progress);
  };
}
