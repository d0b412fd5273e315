/** What e2fsprogs say of an ext volume: free bytes by dumpe2fs, after a replay of the journal by e2fsck where one is open. */
import { type Extent, normalize } from '../../shared/domain/extent.ts';
import { runProgram } from './ntfs-oracle.ts';

function numberAfter(text: string, pattern: RegExp): number | null {
  const found = pattern.exec(text)?.[1];
  return found === undefined ? null : Number(found);
}

/** Free bytes of the volume in `file`, from its first one, joined where they touch. */
export function freeByDumpe2fs(file: string): readonly Extent[] {
  const printed = runProgram('dumpe2fs', [file]).toString('latin1');
  const blockBytes = numberAfter(printed, /^Block size:\s+(\d+)/m)!;
  const blocks = numberAfter(printed, /^Block count:\s+(\d+)/m)!;
  // With bigalloc the end of a range is the first block of its last cluster.
  const clusterBlocks = (numberAfter(printed, /^Cluster size:\s+(\d+)/m) ?? blockBytes) / blockBytes;
  const free: Extent[] = [];
  for (const [, list] of printed.matchAll(/^ {2}Free blocks: (.*)$/gm)) {
    for (const [, first, last] of list!.matchAll(/(\d+)(?:-(\d+))?/g)) {
      const end = Math.min(Number(last ?? first) + clusterBlocks, blocks);
      free.push({ start: Number(first) * blockBytes, length: (end - Number(first)) * blockBytes });
    }
  }
  return normalize(free);
}

/** Replays the journal of the volume in `file`, and checks nothing else. */
export function replayByE2fsck(file: string): void {
  runProgram('sh', ['-c', 'e2fsck -y -E journal_only "$1" || [ $? -eq 1 ]', 'sh', file]);
}

/** Fails when e2fsck finds anything to mend. */
export function assertSoundByE2fsck(file: string): void {
  runProgram('e2fsck', ['-f', '-n', file]);
}
