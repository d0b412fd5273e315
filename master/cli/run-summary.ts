/** What a run did, VM by VM: outcome, consistency, time per phase, bytes, and every warning and error with its advice. */
import { errorTable } from '../../shared/base/error-table.ts';
import { formatBytes, formatDuration } from '../../shared/base/units.ts';
import { bottleneckOf, phases, writesSaveset } from '../../shared/domain/task.ts';
import { type RunView, type TaskView } from '../../shared/contract/api.ts';
import { type WireError } from '../../shared/contract/wire-error.ts';
import { writeDeviceReport } from './device-report.ts';
import { formatCount, formatElapsed, formatTime, NOTHING, plural } from './format.ts';
import { writeVmInspection } from './inspection-report.ts';
import { type Output } from './output.ts';
import { type Column } from './table.ts';
import { keptLines, volumeName } from './volume-report.ts';

const outcomeWords = {
  ok: 'ok',
  warning: 'ok with warnings',
  failed: 'failed',
  cancelled: 'cancelled',
  partly: 'partly failed',
} as const;

/** `ok with warnings`, or what the run does while it has no outcome. */
export function outcomeWord(run: { readonly outcome: RunView['outcome']; readonly state: string }): string {
  return run.outcome === null ? run.state : outcomeWords[run.outcome];
}

export function writeRunSummary(output: Output, run: RunView, nowMs: number): void {
  writeHead(output, run, nowMs);
  if (run.tasks.length > 0) {
    output.line();
    writeOutcomes(output, run, nowMs);
    output.line();
    writePhases(output, run);
    writeBytes(output, run);
  }
  for (const task of run.tasks) writeReport(output, task);
  for (const task of run.tasks) writeNotes(output, task);
  writeKept(output, run);
  for (const warning of run.warnings) writeAdvice(output, 'warning', warning);
}

function writeHead(output: Output, run: RunView, nowMs: number): void {
  const kind = kindWord(run);
  const subject = run.job === null ? kind : `${kind} of job "${run.job}"`;
  const took = formatElapsed(run.startedAt, run.finishedAt, nowMs);
  output.line(`Run ${run.runId}, ${subject}: ${outcomeWord(run)}`);
  output.line(`Started ${formatTime(run.startedAt)}, ${run.finishedAt === null ? 'for' : 'took'} ${took}`);
  if (run.finishedAt === null) output.line(`Streams: ${run.streams.inUse} in use; ${run.streams.why}`);
  if (run.snapshots > 0) output.line(`${plural(run.snapshots, 'snapshot')} of this run on the server now`);
}

/** A repair is a check that may write. */
function kindWord(run: RunView): string {
  const isRepair = run.tasks.some(({ report }) => report?.kind === 'check' && report.repair !== null);
  return isRepair ? 'repair' : run.kind;
}

function subjectColumn(run: RunView): Column {
  return { head: run.kind === 'backup' ? 'VM' : 'WHAT' };
}

function writeOutcomes(output: Output, run: RunView, nowMs: number): void {
  const isBackup = writesSaveset(run.kind);
  const heads = ['OUTCOME', ...(isBackup ? ['TYPE', 'CONSISTENCY', 'POINT'] : []), 'DEVICE'];
  const columns: Column[] = [
    subjectColumn(run),
    ...heads.map((head) => ({ head })),
    { head: 'TRIES', align: 'right' },
    { head: 'TIME', align: 'right' },
  ];
  const rows = run.tasks.map((task) => [
    task.subject,
    task.outcome ?? task.state,
    ...(isBackup ? backupCells(task) : []),
    task.device ?? NOTHING,
    String(task.attempts),
    formatElapsed(task.startedAt, task.finishedAt, nowMs),
  ]);
  output.table(columns, rows);
}

function backupCells(task: TaskView): string[] {
  const point = task.outcome === 'ok' || task.outcome === 'warning' ? task.savesetId : null;
  return [task.type ?? NOTHING, task.consistency?.reached ?? NOTHING, point ?? NOTHING];
}

function writePhases(output: Output, run: RunView): void {
  const used = phases.filter((phase) => run.tasks.some((task) => (task.phases[phase] ?? 0) > 0));
  if (used.length === 0) return;
  const columns: Column[] = [
    subjectColumn(run),
    ...used.map((phase) => ({ head: phase.toUpperCase(), align: 'right' as const })),
    ...(used.includes('code') ? [{ head: 'BOTTLENECK' }] : []),
  ];
  const rows = run.tasks.map((task) => [
    task.subject,
    ...used.map((phase) => {
      const ms = task.phases[phase];
      return ms === undefined ? NOTHING : formatDuration(ms);
    }),
    ...(used.includes('code') ? [bottleneckCell(task)] : []),
  ]);
  output.table(columns, rows);
  output.line();
}

/** `threads 71 %`: what storing waited for most, and its share of the time. */
function bottleneckCell(task: TaskView): string {
  const bottleneck = bottleneckOf(task.phases);
  return bottleneck === undefined ? NOTHING : `${bottleneck.what} ${Math.round(bottleneck.share * 100)} %`;
}

const byteColumns = {
  backup: ['provisioned', 'used', 'changed', 'skipped', 'read', 'stored'],
  restore: ['provisioned', 'read', 'zero'],
  verify: ['provisioned', 'read', 'zero'],
  consolidate: ['provisioned', 'stored'],
  reclaim: ['read', 'stored'],
  check: ['read'],
  inspect: ['provisioned', 'used', 'skipped', 'read'],
} as const;

function writeBytes(output: Output, run: RunView): void {
  const names = byteColumns[run.kind];
  const columns: Column[] = [
    subjectColumn(run),
    ...names.map((name) => ({
      head: name === 'skipped' ? 'SKIPPED BY ABM' : name.toUpperCase(),
      align: 'right' as const,
    })),
  ];
  const rows = run.tasks.map((task) => [
    task.subject,
    ...names.map((name) => formatCount(task.counters[name])),
  ]);
  if (rows.length > 1) {
    const total = names.map((name) => run.tasks.reduce((sum, task) => sum + task.counters[name], 0));
    rows.push(['total', ...total.map(formatBytes)]);
  }
  output.table(columns, rows);
}

function writeReport(output: Output, { report }: TaskView): void {
  if (report === null) return;
  output.line();
  if (report.kind === 'inspect') writeVmInspection(output, report, null);
  else writeDeviceReport(output, report);
}

/** What the filter kept beyond what the guests use, and what of that the job leaves out. */
function writeKept(output: Output, run: RunView): void {
  const lines = run.tasks.flatMap(({ subject, keptVolumes }) =>
    keptVolumes.flatMap((volume) =>
      keptLines(volume).map((line) => `  ${subject}, disk ${volume.disk}, ${volumeName(volume)}: ${line}`),
    ),
  );
  if (lines.length === 0) return;
  output.line();
  output.line('Kept by the filter beyond what the guests use, or left out of it:');
  for (const line of lines) output.line(line);
}

function writeNotes(output: Output, task: TaskView): void {
  const lowered = task.consistency?.reason ?? null;
  const texts = [task.error, lowered, task.waitsFor, ...task.warnings, ...task.retriedErrors];
  if (texts.every((text) => text === null)) return;
  output.line();
  output.line(`${task.subject}:`);
  if (task.error !== null) writeError(output, 'error', task.error);
  task.retriedErrors.forEach((error, index) => writeError(output, `attempt ${index + 1}`, error));
  for (const warning of task.warnings) writeAdvice(output, 'warning', warning);
  if (lowered !== null) output.line(`  consistency: ${lowered}`);
  if (task.waitsFor !== null) output.line(`  ${task.waitsFor}`);
}

function writeError(output: Output, label: string, error: WireError): void {
  writeAdvice(output, label, error);
  for (let cause = error.cause; cause !== undefined; cause = cause.cause) {
    output.line(`    because: ${cause.message}`);
  }
}

function writeAdvice(output: Output, label: string, fault: Pick<WireError, 'code' | 'message'>): void {
  output.line(`  ${label}: ${fault.message} [${fault.code}]`);
  output.line(`    ${errorTable[fault.code].help}`);
}
