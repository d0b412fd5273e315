/**
 * A run as it goes: on a terminal one line per stream that is drawn again and again, with what waits below; elsewhere one plain
 * line per change of phase, and one when a stream has moved on by a tenth, at most every five seconds. What waits says so again
 * only when it waits for something else; a new holder of the same thing is news once a minute. Pure but for the screen.
 */
import { type RunView, type TaskView } from '../../shared/contract/api.ts';
import { formatBytes, formatDuration } from '../../shared/base/units.ts';
import { clip, formatPercent, plural, printable } from './format.ts';
import { type Output } from './output.ts';

const MAX_WAITING_LINES = 5;
const LINE_EVERY_MS = 5_000;
const LINE_EVERY_SHARE = 0.1;
const WAITING_LINE_EVERY_MS = 60_000;

/** What `db01` does now: `read 40 %, 4.00 of 10.0 GiB, 120 MiB/s, 1 min 5 s left`. */
function describeProgress(task: TaskView): string {
  const progress = task.progress;
  if (progress === null) return task.state;
  const { doneBytes, totalBytes, bytesPerSecond, etaMs } = progress;
  const parts: string[] = [];
  if (totalBytes > 0) {
    parts.push(
      `${formatPercent(doneBytes, totalBytes)}, ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`,
    );
  } else parts.push(progress.what);
  if (bytesPerSecond > 0) parts.push(`${formatBytes(bytesPerSecond)}/s`);
  if (etaMs !== null && doneBytes < totalBytes) parts.push(`${formatDuration(etaMs)} left`);
  return `${progress.phase.padEnd(8)}  ${parts.join(', ')}`.trimEnd();
}

const isActive = (task: TaskView): boolean => task.state !== 'queued' && task.state !== 'done';

/** `run 12 of job "nightly": 3 of 10 done, 1 failed; 2 streams in use of 4: …` */
function headline(run: RunView): string {
  const done = run.tasks.filter((task) => task.state === 'done');
  const failed = done.filter((task) => task.outcome === 'failed').length;
  const subject = run.job === null ? run.kind : `job "${run.job}"`;
  const failures = failed > 0 ? `, ${failed} failed` : '';
  const { inUse, effective } = run.streams;
  return `run ${run.runId}, ${subject}: ${done.length} of ${run.tasks.length} done${failures}; ${inUse} of ${plural(effective, 'stream')} in use`;
}

/** The lines of a terminal of this size: never more than it has, never wider. */
export function renderLive(
  run: RunView,
  screen: { readonly columns: number; readonly rows: number },
): LiveLines {
  const active = run.tasks.filter(isActive);
  const waiting = run.tasks.filter((task) => task.state === 'queued');
  const nameWidth = Math.min(24, Math.max(0, ...active.map((task) => task.subject.length)));
  const fitting = Math.max(1, screen.rows - 3 - MAX_WAITING_LINES);
  const lines = [
    headline(run),
    ...active
      .slice(0, fitting)
      .map((task) => `  ${clip(task.subject, nameWidth).padEnd(nameWidth)}  ${describeProgress(task)}`),
  ];
  if (active.length > fitting) lines.push(`  and ${active.length - fitting} more`);
  const cut = (line: string): string => clip(printable(line), screen.columns - 1);
  return { bright: lines.map(cut), dim: waitingLines(waiting).map(cut) };
}

export interface LiveLines {
  readonly bright: readonly string[];
  readonly dim: readonly string[];
}

function waitingLines(waiting: readonly TaskView[]): string[] {
  const lines = waiting
    .slice(0, MAX_WAITING_LINES)
    .map((task) => `  ${task.subject}: ${task.waitsFor ?? 'waits'}`);
  const more = waiting.length - lines.length;
  return more > 0 ? [...lines.slice(0, -1), `  and ${more + 1} more wait`] : lines;
}

interface Told {
  readonly text: string;
  /** What makes two texts say the same. */
  readonly substance: string;
  readonly share: number;
  readonly atMs: number;
}

/** Finds what is worth a plain line; remembers what was said per task. */
export class PlainProgress {
  readonly #told = new Map<number, Told>();

  /** The lines that `run` adds to what was told before. */
  next(run: RunView, nowMs: number): string[] {
    const news = run.tasks.filter((task) => {
      const now = tell(task, nowMs);
      const before = this.#told.get(task.taskId);
      if (before !== undefined && !isWorth(before, now)) return false;
      this.#told.set(task.taskId, now);
      return now.text !== '';
    });
    return [
      ...waitingNews(news.filter((task) => task.state === 'queued')),
      ...news.filter((task) => task.state !== 'queued').map((task) => `${task.subject}: ${line(task)}`),
    ];
  }
}

/** One line for all that wait for the same. */
function waitingNews(waiting: readonly TaskView[]): string[] {
  const groups = new Map<string, string[]>();
  for (const task of waiting) {
    const text = line(task);
    groups.set(text, [...(groups.get(text) ?? []), task.subject]);
  }
  return [...groups].map(([text, [first = '', ...others]]) =>
    others.length === 0 ? `${first}: ${text}` : `${first} and ${others.length} more: ${text}`,
  );
}

function tell(task: TaskView, nowMs: number): Told {
  const progress = task.progress;
  const share = progress === null || progress.totalBytes === 0 ? 0 : progress.doneBytes / progress.totalBytes;
  const phase = isActive(task) ? (progress?.phase ?? '') : '';
  const end = task.state === 'done' ? (task.outcome ?? 'done') : '';
  const waits = task.state === 'queued' ? (task.waitsFor ?? '') : '';
  const other = `${phase}${end}`;
  return { text: `${other}${waits}`, substance: `${other}${substanceOf(waits)}`, share, atMs: nowMs };
}

/** Why a task waits, without who holds what it waits for and without numbers, but those of names. */
function substanceOf(waitsFor: string): string {
  return waitsFor
    .replace(/, held by .*$/, '')
    .replace(/"[^"]*"|\d+( (ms|s|min|h|d)\b)?/g, (part) => (part.startsWith('"') ? part : '#'))
    .replace(/# (?=#)/g, '');
}

function isWorth(before: Told, now: Told): boolean {
  if (before.substance !== now.substance) return true;
  const passedMs = now.atMs - before.atMs;
  if (before.text !== now.text) return passedMs >= WAITING_LINE_EVERY_MS;
  return now.share - before.share >= LINE_EVERY_SHARE && passedMs >= LINE_EVERY_MS;
}

function line(task: TaskView): string {
  if (task.state === 'done') return task.outcome ?? 'done';
  if (task.state === 'queued') return task.waitsFor ?? 'waits';
  return describeProgress(task).replace(/ {2,}/g, ' ');
}

/** Shows one run after the other state of it; `close` leaves a clean screen. */
export class ProgressView {
  readonly #output: Output;
  readonly #plain = new PlainProgress();

  constructor(output: Output) {
    this.#output = output;
  }

  show(run: RunView, nowMs: number): void {
    if (this.#output.json) return;
    if (!this.#output.isLive) {
      for (const text of this.#plain.next(run, nowMs)) this.#output.note(text);
      return;
    }
    const { bright, dim } = renderLive(run, this.#output.screen);
    this.#output.live([...bright, ...dim.map((text) => this.#output.dim(text))]);
  }

  close(): void {
    if (this.#output.isLive) this.#output.live([]);
  }
}
