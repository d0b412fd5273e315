/** Tasks: one unit of work for one worker. Runs are their sums. */

export const taskKinds = [
  'backup',
  'restore',
  'verify',
  'consolidate',
  'reclaim',
  'check',
  'inspect',
] as const;
export type TaskKind = (typeof taskKinds)[number];

/** Whether an attempt of this kind writes a saveset, which the master seals. */
export function writesSaveset(kind: TaskKind): boolean {
  return kind === 'backup' || kind === 'consolidate';
}

/** Whether a task of this kind works without a device. */
export function needsNoDevice(kind: TaskKind): boolean {
  return kind === 'inspect';
}

/**
 * queued → assigned → running → sealing → done, or back to queued for another attempt.
 * `sealing` is written to the catalog before the device is sealed, so that a crash in between is finished, not guessed.
 */
export const taskStates = ['queued', 'assigned', 'running', 'sealing', 'done'] as const;
export type TaskState = (typeof taskStates)[number];

export const outcomes = ['ok', 'warning', 'failed', 'cancelled'] as const;
export type Outcome = (typeof outcomes)[number];

export const runStates = ['running', 'done'] as const;
export type RunState = (typeof runStates)[number];

/** The outcome of a run: `partly` when some tasks failed and some did not. */
export type RunOutcome = Outcome | 'partly';

/** The worst of its tasks; one success among failures makes it `partly`. */
export function runOutcome(tasks: readonly Outcome[]): RunOutcome {
  const failed = tasks.filter((outcome) => outcome === 'failed').length;
  if (failed > 0) return failed === tasks.length ? 'failed' : 'partly';
  if (tasks.includes('cancelled')) return 'cancelled';
  return tasks.includes('warning') ? 'warning' : 'ok';
}

/**
 * What a running task is doing: in the order of a backup, then what work on a whole device adds. Reading, coding and writing
 * go on at the same time: each gets the time in which the task waited for it.
 */
export const phases = [
  'snapshot',
  'map',
  'read',
  'code',
  'write',
  'remove',
  'seal',
  'wait',
  'mark',
  'rewrite',
  'condemn',
] as const;
export type Phase = (typeof phases)[number];

/** Milliseconds spent per phase. */
export type PhaseTimes = Readonly<Partial<Record<Phase, number>>>;

export type Bottleneck = 'source' | 'threads' | 'device';

/** What a backup waited for most while it stored, and the share of the three; undefined when it stored nothing. */
export function bottleneckOf(
  times: PhaseTimes,
): { readonly what: Bottleneck; readonly share: number } | undefined {
  if (times.code === undefined) return undefined;
  const waits: readonly (readonly [Bottleneck, number])[] = [
    ['source', times.read ?? 0],
    ['threads', times.code],
    ['device', times.write ?? 0],
  ];
  const total = waits.reduce((sum, [, ms]) => sum + ms, 0);
  const [what, longest] = waits.reduce((most, wait) => (wait[1] > most[1] ? wait : most));
  return total === 0 ? undefined : { what, share: longest / total };
}

/** Bytes of one task or disk. `stored` is what the device grew by. */
export interface ByteCounters {
  readonly provisioned: number;
  /** What the guest uses, as far as a filter could tell; else provisioned. */
  readonly used: number;
  /** Changed since the base; for a full, everything that is not known to be zero. */
  readonly changed: number;
  /** Left out by Active Block Mapping. */
  readonly skipped: number;
  readonly read: number;
  /** Found to be zeros after reading. */
  readonly zero: number;
  /** Already on the device (plain bytes). */
  readonly known: number;
  /** New on the device (plain bytes). */
  readonly fresh: number;
  readonly stored: number;
}

export const noBytes: ByteCounters = {
  provisioned: 0,
  used: 0,
  changed: 0,
  skipped: 0,
  read: 0,
  zero: 0,
  known: 0,
  fresh: 0,
  stored: 0,
};

export function addCounters(a: ByteCounters, b: ByteCounters): ByteCounters {
  return {
    provisioned: a.provisioned + b.provisioned,
    used: a.used + b.used,
    changed: a.changed + b.changed,
    skipped: a.skipped + b.skipped,
    read: a.read + b.read,
    zero: a.zero + b.zero,
    known: a.known + b.known,
    fresh: a.fresh + b.fresh,
    stored: a.stored + b.stored,
  };
}
