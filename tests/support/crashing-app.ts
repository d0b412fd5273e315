/** A service in the middle of a backup, to be killed: prints where it is as one line of JSON and goes on until then. */
import { harness } from './app-harness.ts';

const service = await harness([{ name: 'tape0', streams: 1 }]);
service.vms = ['gate-a', 'gate-b'];
await service.job('nightly', {});
const runId = await service.run('nightly');
const run = await service.until(runId, (view) => view.snapshots === 1 && view.tasks[0]?.progress != null);
const workerPid = run.tasks[0]?.workerPid;
process.stdout.write(
  `${JSON.stringify({ dataDir: service.dataDir, folder: service.folder, runId, workerPid })}\n`,
);
setInterval(() => undefined, 60_000);
