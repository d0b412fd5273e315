/**
 * What a process and all its descendants have used, read from /proc (see proc(5)):
 *
 *   CPU     the sum over the living of utime + stime + cutime + cstime. A child that is waited for moves its time into its
 *           parent's cutime, so the sum only grows, and the difference of two readings is what the tree used between them.
 *   memory  the sum of the resident sets. Pages that several processes share are counted in each.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const askSystem = (name: string): number => Number(execFileSync('getconf', [name]).toString());
const TICKS_PER_SECOND = askSystem('CLK_TCK');
const PAGE_BYTES = askSystem('PAGESIZE');

interface ProcessUse {
  readonly ownSeconds: number;
  readonly waitedSeconds: number;
  readonly rssBytes: number;
}

export interface TreeUse {
  readonly cpuSeconds: number;
  /** By process id. */
  readonly rssBytes: ReadonlyMap<number, number>;
}

/** Undefined when the process is gone. */
function useOf(pid: number | 'self'): ProcessUse | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const field = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const seconds = (at: number): number => Number(field[at]) / TICKS_PER_SECOND;
    return {
      ownSeconds: seconds(11) + seconds(12),
      waitedSeconds: seconds(13) + seconds(14),
      rssBytes: Number(field[21]) * PAGE_BYTES,
    };
  } catch {
    return undefined;
  }
}

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
      const text = readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1').trim();
      return text === '' ? [] : text.split(' ').map(Number);
    });
  } catch {
    return [];
  }
}

export function useOfTree(root: number): TreeUse {
  let cpuSeconds = 0;
  const rssBytes = new Map<number, number>();
  const open = [root];
  for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
    const use = useOf(pid);
    if (use === undefined) continue;
    cpuSeconds += use.ownSeconds + use.waitedSeconds;
    rssBytes.set(pid, use.rssBytes);
    open.push(...childrenOf(pid));
  }
  return { cpuSeconds, rssBytes };
}

/** CPU seconds of all children of this process, and of theirs, that have ended. */
export function secondsOfEndedChildren(): number {
  return useOf('self')?.waitedSeconds ?? 0;
}
