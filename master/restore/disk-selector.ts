/** Which disk of a restore point somebody means: its key, its label, or its position from 1. Pure. */
import { AppError } from '../../shared/base/errors.ts';

export interface NamedDisk {
  readonly key: number;
  readonly label: string;
}

/** @throws AppError `USAGE_NOT_FOUND`, `USAGE_AMBIGUOUS`; the facts list what there is */
export function selectDisk<T extends NamedDisk>(disks: readonly T[], selector: string): T {
  const text = selector.trim().toLowerCase();
  const byKey = disks.filter((disk) => String(disk.key) === text);
  const byLabel = disks.filter((disk) => disk.label.toLowerCase() === text);
  const byPosition = /^[1-9]\d{0,2}$/.test(text) ? disks.slice(Number(text) - 1, Number(text)) : [];
  const found = [byKey, byLabel, byPosition].find((candidates) => candidates.length > 0) ?? [];
  const [first, second] = found;
  const facts = { disks: disks.map((disk) => `${disk.key} "${disk.label}"`).join(', ') };
  if (first === undefined) throw new AppError('USAGE_NOT_FOUND', `Cannot find disk "${selector}"`, facts);
  if (second !== undefined)
    throw new AppError('USAGE_AMBIGUOUS', `Cannot tell which disk "${selector}" means`, facts);
  return first;
}
