/** From what a job says to what the filter is asked. */
import { parseExcludedPath } from '../../shared/domain/excluded-path.ts';
import { type BackupOptions } from '../../shared/domain/job.ts';
import { type FilterOptions } from './file-system.ts';

/** Paths that are none have no meaning here: a job with such a one is refused before. */
export function filterOptionsOf(
  options: Pick<BackupOptions, 'dropShadowCopies' | 'excludeSwap' | 'excludePaths'>,
): FilterOptions {
  const { dropShadowCopies = false, excludeSwap: swap = false, excludePaths = [] } = options;
  if (!swap && excludePaths.length === 0) return { dropShadowCopies };
  const paths = excludePaths.map(parseExcludedPath).filter((path) => 'names' in path);
  return { dropShadowCopies, exclude: { swap, paths } };
}
