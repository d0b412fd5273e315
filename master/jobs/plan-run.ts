/**
 * What one backup of a VM builds on. An increment takes the newest sealed point of the same job and VM, a differential the
 * newest full; without one that can be used the backup is a full and says why. Pure over rows of the catalog.
 */
import { type BackupType, type RequestedType } from '../../shared/domain/backup-type.ts';
import { type Chain } from './chain.ts';
import { type SavesetRecord } from '../catalog/saveset-rows.ts';

export interface BaseSources {
  /** The newest sealed point of this job and VM, or the newest full among them. */
  newest(fullOnly: boolean): SavesetRecord | undefined;
  chain(point: SavesetRecord): Chain<SavesetRecord>;
  /** Why nothing can be read from the device now; undefined when it can. */
  whyOffline(deviceId: string): string | undefined;
}

export interface BasePlan {
  readonly type: BackupType;
  readonly base: SavesetRecord | null;
  /** Why there is no base although one was asked for. */
  readonly noBaseReason: string | null;
}

export function planBase(requested: RequestedType, sources: BaseSources): BasePlan {
  if (requested === 'full') return { type: 'full', base: null, noBaseReason: null };
  const differential = requested === 'differential';
  const base = sources.newest(differential);
  if (base === undefined)
    return full(differential ? 'there is no full of this VM yet' : 'there is no point of this VM yet');
  const chain = sources.chain(base);
  if (chain.missing !== null) return full(`the chain of ${base.savesetId} misses ${chain.missing}`);
  for (const deviceId of new Set(chain.points.map((point) => point.deviceId))) {
    const reason = sources.whyOffline(deviceId);
    if (reason !== undefined) return full(`the base ${base.savesetId} cannot be read: ${reason}`);
  }
  return { type: differential ? 'differential' : 'incremental', base, noBaseReason: null };
}

function full(noBaseReason: string): BasePlan {
  return { type: 'full', base: null, noBaseReason };
}
