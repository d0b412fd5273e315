/**
 * Changed areas of a disk, asked page by page until the whole disk is answered for. The server is not believed: every window
 * must begin where it was asked to, go forward, and hold its areas sorted and apart; together they must cover the disk.
 * An empty window in the middle is legal. Source: vSphere Web Services API, QueryChangedDiskAreas.
 */
import { AppError, hasCode } from '../../shared/base/errors.ts';
import { type Clock } from '../../shared/base/clock.ts';
import { type Extent, type ExtentSet, endOf, normalize } from '../../shared/domain/extent.ts';
import { type ChangedAreas } from '../../shared/vsphere/changed-disk-areas.ts';

/** One call of QueryChangedDiskAreas from this offset. */
export type AskWindow = (startOffset: number) => Promise<ChangedAreas>;

const MAX_WINDOWS = 1_000_000;
const TRIES = 3;
const RETRY_MS = 500;

/**
 * All changed areas below `capacityBytes`.
 * @throws AppError `CBT_ANSWER_INVALID` when the answers contradict themselves; what the calls throw
 */
export async function collectChangedAreas(
  capacityBytes: number,
  ask: AskWindow,
  signal: AbortSignal,
): Promise<ExtentSet> {
  const areas: Extent[] = [];
  let position = 0;
  for (let windows = 0; position < capacityBytes; windows++) {
    signal.throwIfAborted();
    if (windows >= MAX_WINDOWS) throw contradiction(`more than ${MAX_WINDOWS} windows`, position);
    const window = await ask(position);
    checkWindow(window, position, capacityBytes);
    for (const area of window.areas) areas.push(clamp(area, capacityBytes));
    position = window.startOffset + window.length;
  }
  return normalize(areas);
}

function checkWindow(window: ChangedAreas, asked: number, capacityBytes: number): void {
  if (window.startOffset !== asked)
    throw contradiction(`the window begins at byte ${window.startOffset}`, asked);
  if (window.length <= 0) throw contradiction('the window is empty', asked);
  const end = window.startOffset + window.length;
  if (end > capacityBytes) throw contradiction(`the window ends at byte ${end}, after the disk`, asked);
  let position = window.startOffset;
  for (const area of window.areas) {
    if (area.length <= 0 || area.start < position || endOf(area) > end) {
      throw contradiction(`an area at byte ${area.start} is out of order or outside its window`, asked);
    }
    position = endOf(area);
  }
}

function clamp(area: Extent, capacityBytes: number): Extent {
  return { start: area.start, length: Math.min(endOf(area), capacityBytes) - area.start };
}

function contradiction(why: string, asked: number): AppError {
  return new AppError('CBT_ANSWER_INVALID', `Cannot use the changed areas asked from byte ${asked}: ${why}`, {
    asked,
  });
}

/** Codes that say that change tracking cannot answer, while the VM itself may still be backed up. */
const TRACKING_CODES = [
  'CBT_ANSWER_INVALID',
  'VSPHERE_FILE_FAULT',
  'VSPHERE_FILE_LOCKED',
  'VSPHERE_FAULT',
  'VSPHERE_INVALID_ARGUMENT',
  'VSPHERE_NOT_SUPPORTED',
  'VSPHERE_ANSWER_INVALID',
  'VSPHERE_TIMEOUT',
] as const;

/** True when another way to learn what to read may be tried. */
export function isTrackingFailure(error: unknown): error is AppError {
  return hasCode(error, ...TRACKING_CODES);
}

/** `ask` as a whole, tried again a few times when tracking does not answer. */
export async function withRetries<T>(work: () => Promise<T>, clock: Clock, signal: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt >= TRIES || !isTrackingFailure(error)) throw error;
      await clock.sleep(RETRY_MS * attempt, signal);
    }
  }
}
