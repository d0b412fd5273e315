/** What the master itself needs for a run of 10,000 VMs. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { sourceArguments } from '../../support/run-source.ts';
import { say } from '../progress.ts';
import { type MasterResult } from '../result/result.ts';

const VMS = 10_000;
const STREAMS = 8;
const MAIN = fileURLToPath(new URL('./master-main.ts', import.meta.url));

export async function measureMaster(): Promise<MasterResult> {
  const runs: MasterResult['runs'][number][] = [];
  for (const how of ['alone', 'watched']) {
    say(`Run a master with ${VMS} VMs and workers that only speak the protocol, ${how}`);
    const words = [...sourceArguments, MAIN, String(VMS), String(STREAMS), how];
    const { stdout } = await promisify(execFile)(process.execPath, words);
    runs.push(JSON.parse(stdout) as MasterResult['runs'][number]);
  }
  return { tasks: VMS, streams: STREAMS, runs };
}
