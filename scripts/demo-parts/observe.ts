/** Looks at a run while it goes, from both sides: what the service says of it, and what the simulated vCenter has. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunView } from '../../shared/contract/api.ts';
import { type SimProcess } from '../../tests/support/vcenter-sim/sim-process.ts';
import { type Shell } from './shell.ts';

const EVERY_MS = 40;

export interface Observed {
  /** Most tasks at work at a time, by `run show`. */
  readonly tasksAtOnce: number;
  /** Most snapshots at a time, by vCenter. */
  readonly snapshotsAtOnce: number;
  /** `run show` was seen with more snapshots than tasks at work. */
  readonly hadIdleSnapshot: boolean;
  readonly waitReasons: ReadonlySet<string>;
  readonly why: ReadonlySet<string>;
  readonly looks: number;
}

/** Looks at the service's first run until `ended` settles. */
export async function observe(shell: Shell, sim: SimProcess, ended: Promise<unknown>): Promise<Observed> {
  const watch = { isOver: false };
  const over = (): void => {
    watch.isOver = true;
  };
  ended.then(over, over);
  const [seen, snapshotsAtOnce] = await Promise.all([lookAtRun(shell, watch), countSnapshots(sim, watch)]);
  return { ...seen, snapshotsAtOnce };
}

async function countSnapshots(sim: SimProcess, watch: { readonly isOver: boolean }): Promise<number> {
  let most = 0;
  while (!watch.isOver) {
    most = Math.max(most, (await sim.stats()).snapshotsNow);
    await sleep(EVERY_MS);
  }
  return most;
}

async function lookAtRun(shell: Shell, watch: { readonly isOver: boolean }) {
  const waitReasons = new Set<string>();
  const why = new Set<string>();
  let tasksAtOnce = 0;
  let hadIdleSnapshot = false;
  let looks = 0;
  let runId: number | undefined;
  while (!watch.isOver) {
    runId ??= (await shell.ask<{ runId: number }[]>(['run', 'list', '--limit', '1']))[0]?.runId;
    if (runId === undefined) continue;
    const run = await shell.ask<RunView>(['run', 'show', String(runId)]);
    if (run.state === 'done') break;
    const atWork = run.tasks.filter(({ state }) => state !== 'queued' && state !== 'done').length;
    looks++;
    tasksAtOnce = Math.max(tasksAtOnce, atWork);
    hadIdleSnapshot ||= run.snapshots > atWork;
    why.add(run.streams.why);
    for (const { waitsFor } of run.tasks) if (waitsFor !== null) waitReasons.add(waitsFor);
  }
  return { tasksAtOnce, hadIdleSnapshot, waitReasons, why, looks };
}
