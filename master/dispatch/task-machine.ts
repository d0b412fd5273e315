/**
 * What may happen to a task, as data.
 *
 *   queued ──assign──▶ assigned ──fetch──▶ running ──report──▶ sealing ──end──▶ done
 *      ▲                  │                   │                   │
 *      └──────retry───────┴───────────────────┴───────────────────┘
 *
 * Every state but `done` can end; `assigned` and later ones can go back to the queue, which makes their token stale.
 */
import { AppError } from '../../shared/base/errors.ts';
import { type TaskState } from '../../shared/domain/task.ts';

export type TaskEvent = 'assign' | 'fetch' | 'report' | 'retry' | 'end';

export const taskTransitions: Readonly<Record<TaskState, Readonly<Partial<Record<TaskEvent, TaskState>>>>> = {
  queued: { assign: 'assigned', end: 'done' },
  assigned: { fetch: 'running', retry: 'queued', end: 'done' },
  running: { report: 'sealing', retry: 'queued', end: 'done' },
  sealing: { retry: 'queued', end: 'done' },
  done: {},
};

/** The state after `event`. @throws AppError `BUG_INVARIANT` when the event cannot happen in `state` */
export function nextState(state: TaskState, event: TaskEvent): TaskState {
  const next = taskTransitions[state][event];
  if (next === undefined) {
    throw new AppError('BUG_INVARIANT', `Broken invariant: a task that is ${state} cannot ${event}`, {
      state,
      event,
    });
  }
  return next;
}
