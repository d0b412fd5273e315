/**
 * Which points open runs work with: what a restore or verification reads, and what a backup may build on. A backup takes the
 * newest point of its job and VM, or the newest full, and the catalog learns which only when it is sealed, so both count. What
 * lies below them in the chain is kept with them.
 */
import { type Catalog } from '../catalog/catalog.ts';
import { type SavesetRecord } from '../catalog/saveset-rows.ts';
import { chainOf } from '../jobs/chain.ts';

export interface OpenUses {
  /** The run, by the id of the saveset that it reads. */
  readonly savesets: ReadonlyMap<string, number>;
  /** The run, by the job and VM that it backs up: `vmKey`. */
  readonly backups: ReadonlyMap<string, number>;
}

export type VmOfJob = Pick<SavesetRecord, 'job' | 'server' | 'vmUuid' | 'vmMoref'>;

/** The same for all points that may be in one chain. */
export function vmKey({ job, server, vmUuid, vmMoref }: VmOfJob): string {
  return JSON.stringify(vmUuid === '' ? [job, server, vmMoref] : [job, vmUuid]);
}

export function openUses({ savesets }: Catalog): OpenUses {
  return {
    savesets: new Map(savesets.savesetUses().map((use) => [use.savesetId, use.runId])),
    backups: new Map(savesets.backupUses().map((use) => [vmKey(use), use.runId])),
  };
}

/** The runs that work with points of one VM and job, by saveset id; `points` are all there are, newest first. */
export function usesAmong(
  points: readonly (VmOfJob & Pick<SavesetRecord, 'savesetId' | 'type'>)[],
  uses: OpenUses,
): ReadonlyMap<string, number> {
  const inUse = new Map<string, number>();
  const [newest] = points;
  const backup = newest && uses.backups.get(vmKey(newest));
  if (newest !== undefined && backup !== undefined) {
    const full = points.find((point) => point.type === 'full') ?? newest;
    for (const { savesetId } of [newest, full]) inUse.set(savesetId, backup);
  }
  for (const { savesetId } of points) {
    const run = uses.savesets.get(savesetId);
    if (run !== undefined) inUse.set(savesetId, run);
  }
  return inUse;
}

/** The run that works with one point now, or undefined. */
export function runUsing({ savesets }: Catalog, point: SavesetRecord): number | undefined {
  const reader = savesets.savesetUses().find((use) => use.savesetId === point.savesetId);
  if (reader !== undefined) return reader.runId;
  const bases = [false, true].map((fullOnly) => savesets.newestPoint({ ...point, fullOnly })?.savesetId);
  if (!bases.includes(point.savesetId)) return undefined;
  return savesets.backupUses().find((use) => vmKey(use) === vmKey(point))?.runId;
}

/**
 * The run that may read a saveset which is being removed, or undefined: one that was planned before another saveset came in its
 * place. Its chain leads over that one now, so whoever reads the new one counts.
 */
export function runReading({ savesets }: Catalog, savesetId: string): number | undefined {
  const current = savesets.currentId(savesetId);
  const reads = (reader: string): boolean => {
    const point = current === savesetId ? undefined : savesets.point(reader);
    const links = point === undefined ? [] : chainOf(point, savesets.point).points;
    return reader === savesetId || links.some((link) => link.savesetId === current);
  };
  return savesets.savesetUses().find((use) => reads(use.savesetId))?.runId;
}
