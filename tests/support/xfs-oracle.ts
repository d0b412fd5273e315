/** What xfsprogs and partclone say of XFS volumes in files of their own. */
import { type ExtentSet, normalize } from '../../shared/domain/extent.ts';
import { runProgram } from './ntfs-oracle.ts';

function numberOf(file: string, place: string, name: string): number {
  const text = runProgram('xfs_db', ['-r', '-c', place, '-c', `p ${name}`, file]).toString();
  return Number(/= (\d+)/.exec(text)![1]);
}

/**
 * Free bytes by xfs_db. It counts the blocks set aside for trees, too: those are left out here, by the list of each group.
 */
export function freeByXfsDb(file: string): ExtentSet {
  const [groupBlocks, groups, blockBytes] = ['agblocks', 'agcount', 'blocksize'].map((name) =>
    numberOf(file, 'sb 0', name),
  ) as [number, number, number];
  const aside = new Set(
    Array.from({ length: groups }, (_, group) =>
      asideOf(file, group).map((block) => group * groupBlocks + block),
    ).flat(),
  );
  const text = runProgram('xfs_db', ['-r', '-c', 'freesp -d', file]).toString();
  const runs = [...text.matchAll(/^ *(\d+) +(\d+) +(\d+) *$/gm)].map(([, group, block, length]) => ({
    start: Number(group) * groupBlocks + Number(block),
    length: Number(length),
  }));
  return normalize(
    runs
      .filter(({ start, length }) => length > 1 || !aside.has(start))
      .map(({ start, length }) => ({ start: start * blockBytes, length: length * blockBytes })),
  );
}

/** Blocks of a group that are set aside for its trees: a part of a ring. */
function asideOf(file: string, group: number): number[] {
  const [first, last] = ['flfirst', 'fllast'].map((name) => numberOf(file, `agf ${group}`, name)) as [
    number,
    number,
  ];
  const text = runProgram('xfs_db', ['-r', '-c', `agfl ${group}`, '-c', 'p bno', file]).toString();
  const isListed = (index: number): boolean =>
    first <= last ? index >= first && index <= last : index >= first || index <= last;
  return [...text.matchAll(/(\d+):(\d+)/g)]
    .filter(([, index]) => isListed(Number(index)))
    .map(([, , block]) => Number(block));
}

/** Bytes that partclone would copy, by its own map. */
export function usedByPartclone(program: string, file: string): ExtentSet {
  const map = runProgram(program, ['-q', '-I', '-F', '-D', '-s', file, '-O', '-']).toString();
  const runs = [...map.matchAll(/^(0x[0-9A-F]+)\s+(0x[0-9A-F]+)\s+\+$/gim)];
  return normalize(runs.map(([, start, length]) => ({ start: Number(start), length: Number(length) })));
}

/** Fails when xfs_repair finds anything to mend. */
export function assertSoundByXfsRepair(file: string): void {
  runProgram('xfs_repair', ['-n', '-f', '-o', 'force_geometry', file]);
}
