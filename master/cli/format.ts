/** Values as a person reads them in a terminal; pure. */
import { formatBytes, formatDuration } from '../../shared/base/units.ts';

/** What stands where there is no value. */
export const NOTHING = '-';

/** ISO time as local `2026-05-01 22:00:05`. */
export function formatTime(iso: string | null): string {
  if (iso === null) return NOTHING;
  const time = new Date(iso);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

/** From `startedAt` to `finishedAt`, or to `nowMs` while it is not finished. */
export function formatElapsed(startedAt: string | null, finishedAt: string | null, nowMs: number): string {
  if (startedAt === null) return NOTHING;
  const end = finishedAt === null ? nowMs : Date.parse(finishedAt);
  return formatDuration(Math.max(0, end - Date.parse(startedAt)));
}

/** Whole bytes of a phase or a disk; none is a dash, so that figures stand out. */
export function formatCount(bytes: number | null): string {
  return bytes === null || bytes === 0 ? NOTHING : formatBytes(bytes);
}

export function formatPercent(done: number, total: number): string {
  return total === 0 ? NOTHING : `${Math.floor((Math.min(done, total) / total) * 100)} %`;
}

/** `1 VM`, `3 VMs`. */
export function plural(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}

export function yesNo(value: boolean): string {
  return value ? 'yes' : 'no';
}

/** A text that may come from a guest or a server, without control characters that would act on the terminal. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- they are what is taken out
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '?');
}

/** At most `width` columns; what is cut off shows as an ellipsis. */
export function clip(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}
