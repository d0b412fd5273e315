/**
 * A service with its real worker that is to be killed: opens the data folder that it is told, starts a job, prints the run's
 * number as one line of JSON when a snapshot exists and bytes were read, and goes on until then.
 */
import { App } from '../../master/app.ts';
import { systemClock } from '../../shared/base/clock.ts';
import { silentLog } from '../../shared/base/log.ts';
import { parseConfig } from '../../shared/contract/config.ts';

interface Order {
  readonly dataDir: string;
  readonly config: unknown;
  readonly job: string;
}

const WAIT_MS = 60_000;

const order = JSON.parse(process.argv[2] ?? '{}') as Order;
const app = await App.open({
  dataDir: order.dataDir,
  config: parseConfig(order.config),
  log: silentLog,
  clock: systemClock,
});
const signal = AbortSignal.timeout(WAIT_MS);
const { runId } = await app.services.jobs.run(order.job, undefined, signal);
let view = await app.services.runs.show(runId);
while (view.snapshots === 0 || !view.tasks.some((task) => (task.progress?.doneBytes ?? 0) > 0)) {
  if (signal.aborted || view.state === 'done') throw new Error(`It is otherwise: ${JSON.stringify(view)}`);
  view = await app.services.runs.wait(runId, view.revision, 200, signal);
}
process.stdout.write(`${JSON.stringify({ runId, workerPid: view.tasks[0]?.workerPid })}\n`);
setInterval(() => undefined, WAIT_MS);
