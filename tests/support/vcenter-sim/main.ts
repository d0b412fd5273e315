/**
 * The simulator as a process of its own:
 *   node --import=tsx tests/support/vcenter-sim/main.ts --config FILE.json --dir WORKDIR
 * Prints one JSON line (ReadyLine) when it serves. Ends on SIGTERM, SIGINT, or when its stdin, if a pipe, closes.
 */
import { fstatSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type SiteConfig } from './config.ts';
import { runSim } from './run-sim.ts';

const { values } = parseArgs({ options: { config: { type: 'string' }, dir: { type: 'string' } } });
if (values.config === undefined || values.dir === undefined) {
  console.error('usage: main.ts --config FILE.json --dir WORKDIR');
  process.exit(2);
}
const config = JSON.parse(await readFile(values.config, 'utf8')) as SiteConfig;
const sim = await runSim(config, values.dir);

let stopping = false;
function stop(): void {
  if (stopping) return;
  stopping = true;
  setTimeout(() => process.exit(0), 2000).unref();
  void sim.close().finally(() => process.exit(0));
}
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
const stdin = fstatSync(0);
if (stdin.isFIFO() || stdin.isSocket())
  process.stdin.on('end', stop).on('close', stop).on('error', stop).resume();

console.log(JSON.stringify(sim.ready));
