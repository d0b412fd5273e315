/**
 * Content that a job leaves out although it is in use: what its paths stand for on this volume, and what is left of that when
 * everything that wants its clusters for another reason has taken them off.
 *
 * Not asked of a volume whose log is open: the log may still rename a file, or give it a second name, and what the volume shows
 * would then be no longer true.
 *
 * Source: docs/format/ntfs.md, section 11.
 */
import { formatBytes } from '../../../shared/base/units.ts';
import { type ExtentSet, intersect, normalize, totalLength } from '../../../shared/domain/extent.ts';
import { type ExcludedContent, type FileExclusion, type FilterWarning } from '../file-system.ts';
import { gateOf } from '../gate.ts';
import { type FoundFiles, findFiles, searchLimits } from './excluded-files.ts';
import { NOT_FOUND, type Target, type WantedPath, findTarget, pathsFor } from './excluded-targets.ts';
import { type TrustedVolume } from './gates.ts';
import { type UpperCase, readUpperCase } from './upper-case.ts';

/** What was found for one path, in clusters. */
export interface ExcludedPart {
  readonly path: string;
  readonly files: number;
  readonly clusters: ExtentSet;
  readonly reasons: readonly string[];
}

const LOG_OPEN = 'the log of the volume is open, and may move or link files';

/** A part for each path that concerns the volume; swap files that are not there have none. */
export async function findExcluded(
  trusted: TrustedVolume,
  exclusion: FileExclusion,
  label: string | null,
): Promise<readonly ExcludedPart[]> {
  const wanted = pathsFor(exclusion, label);
  if (wanted.length === 0) return [];
  const keepAll = (why: string): ExcludedPart[] => wanted.map((one) => keptPart(one, why));
  if (trusted.log.state.kind === 'open') return keepAll(LOG_OPEN);
  let upper: UpperCase;
  try {
    upper = await readUpperCase(trusted.mft);
  } catch (error) {
    const closed = gateOf(error);
    if (closed === null) throw error;
    return keepAll(`names cannot be compared: ${closed.reason}`);
  }
  const search = { mft: trusted.mft, upper, budget: { bytes: searchLimits.indexBytes } };
  const targets: Target[] = [];
  for (const one of wanted) targets.push(await findTarget(search, one));
  const found = await findFiles(search, targets);
  return wanted.flatMap((one, index) => partsOf(one, targets[index], found[index]));
}

function partsOf(
  { path, isSwap }: WantedPath,
  target: Target | undefined,
  found: FoundFiles | undefined,
): ExcludedPart[] {
  if (target === undefined || found === undefined || (isSwap && target === NOT_FOUND)) return [];
  const reasons = target.kind === 'none' ? [target.why] : reasonsOf(found);
  return [{ path: path.text, files: found.files, clusters: normalize(found.pieces), reasons }];
}

const keptPart = ({ path }: WantedPath, why: string): ExcludedPart => {
  return { path: path.text, files: 0, clusters: [], reasons: [why] };
};

function reasonsOf({ linked, unreadable, isCutShort }: FoundFiles): string[] {
  return [
    ...(linked > 0 ? [`${linked} with names elsewhere`] : []),
    ...(unreadable > 0 ? [`${unreadable} that cannot be read`] : []),
    ...(isCutShort ? ['more than can be looked at'] : []),
  ];
}

/** What the report says when of all parts just `dropped` is left out. */
export function reportOf(
  parts: readonly ExcludedPart[],
  dropped: ExtentSet,
  clusterBytes: number,
): ExcludedContent[] {
  return parts.map(({ path, files, clusters, reasons }) => {
    const bytes = totalLength(intersect(clusters, dropped)) * clusterBytes;
    const wanted = totalLength(clusters) * clusterBytes - bytes;
    const all = wanted > 0 ? [...reasons, `${formatBytes(wanted)} that something else needs`] : reasons;
    return { path, files, bytes, kept: all.length === 0 ? null : all.join('; ') };
  });
}

/** One for all of the volume; none when everything is kept. */
export function exclusionWarnings(excluded: readonly ExcludedContent[]): FilterWarning[] {
  const left = excluded.filter(({ bytes }) => bytes > 0);
  if (left.length === 0) return [];
  const files = left.reduce((sum, one) => sum + one.files, 0);
  const bytes = formatBytes(left.reduce((sum, one) => sum + one.bytes, 0));
  const paths = left.map(({ path }) => `"${path}"`).join(', ');
  const message = `The content of ${files} files (${bytes}) is left out and is lost after a restore: ${paths}`;
  return [{ code: 'FILTER_FILES_EXCLUDED', message }];
}
