/**
 * A run of many VMs in a master of its own process, with workers that only speak the protocol: `node --import=tsx master-main.ts
 * VMS STREAMS watched|alone`. Prints one JSON line. The time of the workers is theirs and not counted.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { harness } from '../../support/app-harness.ts';

const [, , vms, streams, how] = process.argv;
const DEADLINE_MS = 3_600_000;
const POLL_MS = 5_000;
/** As `blockhouse run watch` does. */
const PAUSE_MS = Math.max(200, Math.min(POLL_MS, Number(vms) / 2));

const made = await harness([{ name: 'disk1', streams: Number(streams) }], { heartbeatMs: 2000 });
made.vms = Array.from({ length: Number(vms) }, (_, number) => `vm${number}`);
await made.job('all', { maxParallelStreams: Number(streams) });
const { runs } = made.app.services;
const delays = monitorEventLoopDelay({ resolution: 1 });
delays.enable();
const cpuBefore = process.cpuUsage();
const startedAt = performance.now();
const { runId } = await made.app.services.jobs.run('all', undefined, AbortSignal.timeout(DEADLINE_MS));
await (how === 'watched' ? watch() : wait());
const { user, system } = process.cpuUsage(cpuBefore);
const end = {
  watched: how === 'watched',
  cpuMsPerTask: (user + system) / 1000 / Number(vms),
  wallSeconds: (performance.now() - startedAt) / 1000,
  peakRssBytes: process.resourceUsage().maxRSS * 1024,
  longestStallMs: delays.max / 1e6,
};
const [summary] = await runs.list({ limit: 1 });
await made[Symbol.asyncDispose]();
if (summary?.succeeded !== Number(vms)) throw new Error(`The run ended with ${JSON.stringify(summary)}`);
console.log(JSON.stringify(end));

/** Looks at the list of runs alone, every second. */
async function wait(): Promise<void> {
  for (;;) {
    const [run] = await runs.list({ limit: 1 });
    if (run?.state === 'done') return;
    await sleep(1000);
  }
}

async function watch(): Promise<void> {
  let run = await runs.show(runId);
  while (run.state !== 'done') {
    await sleep(PAUSE_MS);
    run = await runs.wait(runId, run.revision, POLL_MS, AbortSignal.timeout(DEADLINE_MS));
    JSON.stringify(run);
  }
}
