#!/usr/bin/env node
/** The command `blockhouse`: the process around cli/run-cli.ts. The first signal asks to end, the second ends. */
import { homedir } from 'node:os';
import { cancelled } from '../shared/base/abort.ts';
import { systemClock } from '../shared/base/clock.ts';
import { readEnv } from '../shared/base/env.ts';
import { errorTable } from '../shared/base/error-table.ts';
import { systemCode } from '../shared/base/errors.ts';
import { runCli } from './cli/run-cli.ts';
import { inspectInProcess } from './inspect-process.ts';

const stop = new AbortController();

function onSignal(): void {
  if (stop.signal.aborted) process.exit(errorTable.CANCELLED.exit);
  stop.abort(cancelled('The command'));
}

// the reader of a pipe may leave before everything is written, which is no failure
process.stdout.on('error', (error) => {
  if (systemCode(error) === 'EPIPE') process.exit();
  throw error;
});
// a service whose terminal was closed goes on, or stops gracefully by SIGHUP, without an audience
process.stderr.on('error', () => undefined);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);

process.exitCode = await runCli(process.argv.slice(2), {
  platform: process.platform,
  home: homedir(),
  env: readEnv,
  cwd: process.cwd(),
  clock: systemClock,
  signal: stop.signal,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  async serve({ dataDir, configFile, output }) {
    // loaded only here: no other command needs the catalog, the workers and the API
    const { runService } = await import('./main.ts');
    await runService({ dataDir, configFile, tell: (line) => output.note(line), stop: stop.signal });
  },
  inspectDisk: inspectInProcess,
});
