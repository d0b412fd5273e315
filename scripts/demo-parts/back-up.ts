/** One run of the job, as a user starts it, and the restore points that it made. */
import path from 'node:path';
import { type PointSummary, type PointView } from '../../shared/contract/api.ts';
import { type SimProcess } from '../../tests/support/vcenter-sim/sim-process.ts';
import { type Checks } from './checks.ts';
import { type GuestDisk } from './guests.ts';
import { type Shell } from './shell.ts';

/** All that the steps of the demo share. */
export interface Stage {
  /** Everything of the demo lies here, and commands run here. */
  readonly folder: string;
  readonly sim: SimProcess;
  readonly shell: Shell;
  readonly checks: Checks;
  readonly disks: readonly GuestDisk[];
  readonly job: string;
}

export interface BackedUp {
  /** Of the demo's runs, from 1. */
  readonly run: number;
  /** Of the VMs that had something to be read. */
  readonly points: readonly PointView[];
}

/** Keeps the true content of all disks beside, then runs the job to its end. */
export async function backUp(stage: Stage, type: 'full' | 'incremental' | 'differential'): Promise<BackedUp> {
  const { sim, shell, checks, disks, job, folder } = stage;
  for (const disk of disks) await disk.freeze(sim, path.join(folder, 'truth'));
  const { code } = await shell.run(['job', 'run', job, '--type', type, '--wait']);
  checks.that(code === 0, `the ${type} run succeeds`);
  const points = await readPoints(stage);
  return { run: disks[0]!.runs.length, points };
}

/** Of VMs that read nothing there is nothing to look at. */
async function readPoints({ shell }: Stage): Promise<PointView[]> {
  const all = await shell.ask<PointSummary[]>(['point', 'list', '--limit', '200']);
  const runId = Math.max(...all.map((point) => point.runId));
  const fresh = all.filter(
    (point) => point.runId === runId && (point.base === null || point.counters.read > 0),
  );
  const points: PointView[] = [];
  const lane = async (): Promise<void> => {
    for (let point = fresh.pop(); point !== undefined; point = fresh.pop())
      points.push(await shell.ask<PointView>(['point', 'show', point.savesetId]));
  };
  await Promise.all([lane(), lane()]);
  return points;
}

/** Savesets that a restore of the point reads, as numbers of the demo's runs, oldest first. */
export function chainOfRuns(stage: Stage, known: readonly PointSummary[], savesetId: string): number[] {
  const runIds = [...new Set(known.map((point) => point.runId))].sort((a, b) => a - b);
  const byId = new Map(known.map((point) => [point.savesetId, point]));
  const chain = byId.get(savesetId)?.chain ?? [];
  if (runIds.length > stage.disks[0]!.runs.length) throw new Error('There are more runs than the demo made');
  return chain.map((id) => runIds.indexOf(byId.get(id)!.runId) + 1).reverse();
}

/** The point of a VM that the `run`-th run made. */
export function pointOfRun(known: readonly PointSummary[], at: { vm: string; run: number }): PointSummary {
  const runIds = [...new Set(known.map((point) => point.runId))].sort((a, b) => a - b);
  const point = known.find(({ vm, runId }) => vm === at.vm && runId === runIds[at.run - 1]);
  if (point === undefined) throw new Error(`"${at.vm}" has no restore point of run ${at.run}`);
  return point;
}
