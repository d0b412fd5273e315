/**
 * One measurement: wall time by the monotonic clock, CPU time and memory of a whole tree of processes, and how long the file
 * system then needs to bring the rest of what was written to the disk.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { secondsOfEndedChildren, useOfTree } from './process-tree.ts';

const SAMPLE_MS = 50;
const ERROR_BYTES = 4000;
const SETTLE_MS = 3000;

export interface Measured {
  readonly wallSeconds: number;
  /** Until everything that was written is on the disk, after the end of the program. */
  readonly flushSeconds: number;
  readonly cpuSeconds: number;
  /** Most memory of the tree at one time. */
  readonly peakBytes: number;
  /** The same of the process that was named, and of the largest below it. */
  readonly rootPeakBytes: number;
  readonly childPeakBytes: number;
}

export interface Command {
  /** A line for bash, `pipefail` set. */
  readonly line: string;
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

interface Peaks {
  tree: number;
  root: number;
  child: number;
}

/** Runs a line of the shell and measures all that it starts. @throws Error with the end of its stderr when it fails */
export async function measureCommand(command: Command): Promise<Measured> {
  const cpuBefore = secondsOfEndedChildren();
  const run = await runSampled(command);
  const cpuSeconds = secondsOfEndedChildren() - cpuBefore;
  return { ...run, cpuSeconds, flushSeconds: flush(command.cwd) };
}

/** Runs a line of the shell, and measures not it but the tree of `root` meanwhile. */
export async function measureService(
  root: number,
  command: Command,
): Promise<Measured & { readonly stdout: string }> {
  const cpuBefore = useOfTree(root).cpuSeconds;
  const run = await runSampled(command, root);
  await untilAlone(root);
  const cpuSeconds = useOfTree(root).cpuSeconds - cpuBefore;
  return { ...run, cpuSeconds, flushSeconds: flush(command.cwd) };
}

async function runSampled({ line, cwd, env }: Command, root?: number) {
  const startedAt = performance.now();
  const child = spawn('bash', ['-c', `set -o pipefail; ${line}`], {
    cwd,
    env: { ...process.env, LC_ALL: 'C', PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const peaks: Peaks = { tree: 0, root: 0, child: 0 };
  const timer = setInterval(() => sample(root ?? child.pid!, peaks), SAMPLE_MS);
  const parts: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (bytes: Buffer) => parts.push(bytes));
  child.stderr.on('data', (bytes: Buffer) => (stderr = (stderr + bytes.toString()).slice(-ERROR_BYTES)));
  await once(child, 'close');
  const wallSeconds = (performance.now() - startedAt) / 1000;
  clearInterval(timer);
  const stdout = Buffer.concat(parts).toString();
  if (child.exitCode !== 0)
    throw new Error(
      `"${line}" ended with ${child.exitCode ?? child.signalCode}: ${stderr}\n${stdout.slice(-ERROR_BYTES)}`,
    );
  return {
    wallSeconds,
    peakBytes: peaks.tree,
    rootPeakBytes: peaks.root,
    childPeakBytes: peaks.child,
    stdout,
  };
}

/** The kernel's list of children may miss one that is just ending: its time is sure to be counted when it was waited for. */
async function untilAlone(root: number): Promise<void> {
  const deadline = performance.now() + SETTLE_MS;
  while (useOfTree(root).rssBytes.size > 1 && performance.now() < deadline) await sleep(SAMPLE_MS);
  await sleep(SAMPLE_MS);
}

function sample(root: number, peaks: Peaks): void {
  const { rssBytes } = useOfTree(root);
  const sum = [...rssBytes.values()].reduce((total, bytes) => total + bytes, 0);
  const children = [...rssBytes].filter(([pid]) => pid !== root).map(([, bytes]) => bytes);
  peaks.tree = Math.max(peaks.tree, sum);
  peaks.root = Math.max(peaks.root, rssBytes.get(root) ?? 0);
  peaks.child = Math.max(peaks.child, ...children);
}

function flush(folder: string): number {
  const startedAt = performance.now();
  execFileSync('sync', ['-f', folder]);
  return (performance.now() - startedAt) / 1000;
}
