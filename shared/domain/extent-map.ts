/**
 * An extent map says for every byte of a disk what a restore point holds for it: sorted runs without gap or overlap.
 *
 *   data  stored in chunks           zero  known to be zeros, not stored
 *   same  as in the base             free  dropped: the guest does not use it; its content in the chain is not right
 *
 * A point's map and its base's resolve to the disk by `overlay`: the newer one wins except where it says `same`.
 */
import { type Extent, type ExtentSet, endOf } from './extent.ts';
import { AppError } from '../base/errors.ts';

export type ExtentKind = 'data' | 'zero' | 'free' | 'same';

export interface Run extends Extent {
  readonly kind: ExtentKind;
}

export interface ExtentMap {
  readonly capacityBytes: number;
  readonly runs: readonly Run[];
}

/** A layer of `buildExtentMap`: where two name the same byte, the earlier layer in the list wins. */
export interface Layer {
  readonly kind: ExtentKind;
  readonly extents: ExtentSet;
}

/** A map from layers; what no layer names becomes `rest`. Parts beyond the capacity are cut off. */
export function buildExtentMap(capacityBytes: number, layers: readonly Layer[], rest: ExtentKind): ExtentMap {
  const edges = new Set<number>([0, capacityBytes]);
  for (const { extents } of layers) {
    for (const extent of extents) {
      edges.add(Math.min(extent.start, capacityBytes));
      edges.add(Math.min(endOf(extent), capacityBytes));
    }
  }
  const cursors = layers.map((layer) => ({ layer, at: 0 }));
  const runs: Run[] = [];
  let start = 0;
  for (const end of [...edges].sort((a, b) => a - b)) {
    pushRun(runs, { kind: kindAt(cursors, start) ?? rest, start, length: end - start });
    start = end;
  }
  return { capacityBytes, runs };
}

/** How far a layer was looked through; positions only rise. */
interface Cursor {
  readonly layer: Layer;
  at: number;
}

function kindAt(cursors: readonly Cursor[], position: number): ExtentKind | undefined {
  let found: ExtentKind | undefined;
  for (const cursor of cursors) {
    const { kind, extents } = cursor.layer;
    let extent = extents[cursor.at];
    while (extent !== undefined && endOf(extent) <= position) extent = extents[++cursor.at];
    if (found === undefined && extent !== undefined && extent.start <= position) found = kind;
  }
  return found;
}

/** Appends a run, joining it with the last one of the same kind. */
function pushRun(runs: Run[], run: Run): void {
  if (run.length === 0) return;
  const last = runs.at(-1);
  if (last?.kind === run.kind && endOf(last) === run.start) {
    runs[runs.length - 1] = { ...last, length: last.length + run.length };
  } else runs.push(run);
}

/** The extents of one kind. */
export function select(map: ExtentMap, kind: ExtentKind): ExtentSet {
  return map.runs.filter((run) => run.kind === kind).map(({ start, length }) => ({ start, length }));
}

/** Bytes of one kind. */
export function bytesOf(map: ExtentMap, kind: ExtentKind): number {
  let sum = 0;
  for (const run of map.runs) if (run.kind === kind) sum += run.length;
  return sum;
}

/** The newer map over the older one: `same` shows what lies below. Associative. */
export function overlay(newer: ExtentMap, older: ExtentMap): ExtentMap {
  const runs: Run[] = [];
  let below = 0;
  for (const run of newer.runs) {
    if (run.kind !== 'same') {
      pushRun(runs, run);
      continue;
    }
    let position = run.start;
    while (position < endOf(run)) {
      let base = older.runs[below];
      while (base !== undefined && endOf(base) <= position) base = older.runs[++below];
      const end = base === undefined ? endOf(run) : Math.min(endOf(run), endOf(base));
      pushRun(runs, { kind: base?.kind ?? 'zero', start: position, length: end - position });
      position = end;
    }
  }
  return { capacityBytes: newer.capacityBytes, runs };
}

/**
 * Checks that the runs cover the disk once, in order.
 * @throws AppError `FORMAT_INVALID` naming the byte where they do not
 */
export function checkExtentMap(map: ExtentMap): void {
  let position = 0;
  for (const run of map.runs) {
    if (run.start !== position || run.length <= 0) {
      throw new AppError('FORMAT_INVALID', `Cannot use the extent map: it breaks at byte ${position}`, {
        at: position,
        start: run.start,
        length: run.length,
      });
    }
    position = endOf(run);
  }
  if (position !== map.capacityBytes) {
    throw new AppError('FORMAT_INVALID', `Cannot use the extent map: it ends at byte ${position}`, {
      at: position,
      capacityBytes: map.capacityBytes,
    });
  }
}
