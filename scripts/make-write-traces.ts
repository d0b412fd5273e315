/**
 * Remakes tests/fixtures/writes: `npx tsx scripts/make-write-traces.ts`. A volume is mounted and worked on; every write that reaches its
 * disk is taken down by strace, with its bytes. NTFS is mounted by ntfs-3g; ext4 by the kernel, over a loop device on a file that nbdkit
 * serves. Needs root, /dev/fuse, a loop device, strace, nbdkit, nbdfuse, ntfs-3g and e2fsprogs.
 *
 * What is in use after so many writes is told by programs: of ext4 by dumpe2fs, after e2fsck has replayed the journal of a copy; of
 * NTFS, which ntfs-3g keeps no journal of, by ntfscluster for each file that ntfsls finds.
 */
import { spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { compress } from 'zstd-napi';
import { type ExtentSet, complement, normalize } from '../shared/domain/extent.ts';
import { type DiskPatch, diffImages } from '../tests/support/disk-patches.ts';
import { freeByDumpe2fs, replayByE2fsck } from '../tests/support/ext-oracle.ts';
import { type TraceUse, type UseAfter, encodeTrace } from '../tests/support/write-trace.ts';
import { run } from './fixtures/tools.ts';

const FOLDER = fileURLToPath(new URL('../tests/fixtures/writes/', import.meta.url));
const LEVEL = 19;
const NTFS_CLUSTER = 4096;
const EXT_BLOCK = 1024;
/** So that freed blocks are used again, and the journal begins anew at its start. */
const EXT_ROUNDS = 8;
/** Files of NTFS itself that have content. */
const NTFS_OWN = [0, 1, 2, 3, 4, 6, 7, 8, 9, 10];

const content = (number: number, lengthBytes: number): Buffer =>
  Buffer.alloc(lengthBytes, `file ${String(number)};`);

/** Files come, grow, shrink, are moved and go; what is freed is soon used by others. */
function work(root: string, round: number): void {
  const at = (name: string): string => path.join(root, name.replace('d/', `d-${String(round)}/`));
  const settle = (): void => void run('sync', ['-f', root]);
  mkdirSync(at('d/'));
  for (let number = 1; number <= 6; number++)
    writeFileSync(at(`d/f${String(number)}`), content(number, number * 9000));
  settle();
  for (const number of [2, 5]) rmSync(at(`d/f${String(number)}`));
  writeFileSync(at('d/big'), content(20, 60_000));
  settle();
  writeFileSync(at('d/f1'), content(21, 20_000), { flag: 'a' });
  run('mv', [at('d/f6'), at(`g6-${String(round)}`)]);
  rmSync(at('d/big'));
  writeFileSync(at(`late-${String(round)}`), content(22, 30_000));
  settle();
  rmSync(at(`late-${String(round)}`));
  rmSync(at('d/f3'));
  writeFileSync(at(`last-${String(round)}`), content(23, 40_000));
  settle();
}

/** The writes of a process and its threads, as `strace -xx` shows them. */
function writesIn(log: string, capacityBytes: number): DiskPatch[] {
  const calls = readFileSync(log, 'latin1').matchAll(
    /pwrite64\(\d+, "((?:\\x[0-9a-f]{2})*)", \d+, (\d+)\) += (\d+)/g,
  );
  return [...calls].map(([, hex = '', offset, written]) => {
    const bytes = Buffer.from(hex.replaceAll('\\x', ''), 'hex').subarray(0, Number(written));
    if (bytes.length !== Number(written) || Number(offset) + bytes.length > capacityBytes)
      throw new Error(`A write at byte ${String(offset)} was not taken down whole`);
    return { offset: Number(offset), bytes };
  });
}

const strace = (log: string): string[] => ['-f', '-o', log, '-e', 'trace=pwrite64', '-xx', '-s', '4000000'];

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200 && !holds(); tries++) await sleep(50);
  if (!holds()) throw new Error('It did not come true in time');
}

const isMounted = (folder: string): boolean => readFileSync('/proc/mounts', 'utf8').includes(` ${folder} `);

async function traceNtfs(file: string, folder: string): Promise<string> {
  const [log, root] = [path.join(folder, 'ntfs.log'), path.join(folder, 'ntfs')];
  mkdirSync(root);
  run('mkntfs', ['-q', '-F', '-f', '-c', String(NTFS_CLUSTER), '-s', '512', file]);
  copyFileSync(file, `${file}.before`);
  const mounted = spawn('strace', [...strace(log), 'ntfs-3g', '-o', 'no_detach', file, root], {
    stdio: 'ignore',
  });
  await until(() => isMounted(root));
  work(root, 0);
  run('umount', [root]);
  await until(() => mounted.exitCode !== null);
  return log;
}

async function traceExt(file: string, folder: string): Promise<string> {
  const [log, root, served] = [
    path.join(folder, 'ext.log'),
    path.join(folder, 'ext'),
    path.join(folder, 'served'),
  ];
  mkdirSync(root);
  writeFileSync(served, '');
  run('mke2fs', [
    '-q',
    '-F',
    '-t',
    'ext4',
    '-b',
    String(EXT_BLOCK),
    '-J',
    'size=1',
    '-E',
    'lazy_itable_init=0',
    file,
  ]);
  copyFileSync(file, `${file}.before`);
  const server = ['strace', ...strace(log), 'nbdkit', '-s', '--exit-with-parent', '-t', '1', 'file', file];
  const serving = spawn('nbdfuse', [served, '--command', ...server], { stdio: 'ignore' });
  await until(() => statSync(served).size > 0);
  run('mount', ['-t', 'ext4', '-o', 'loop,commit=1', served, root]);
  for (let round = 0; round < EXT_ROUNDS; round++) work(root, round);
  run('umount', [root]);
  run('umount', [served]);
  await until(() => serving.exitCode !== null);
  return log;
}

const extentsOf = (extents: ExtentSet, unitBytes: number): [number, number][] =>
  extents.map(({ start, length }) => [start / unitBytes, length / unitBytes]);

function usedOfExt(file: string): [number, number][] {
  replayByE2fsck(file);
  return extentsOf(complement(freeByDumpe2fs(file), statSync(file).size), EXT_BLOCK);
}

function usedOfNtfs(file: string): [number, number][] {
  const listed = run('ntfsls', ['-R', '-a', '-i', '-f', file]).toString();
  const files = [...listed.matchAll(/^ +(\d+) /gm)].map(([, inode]) => Number(inode));
  const runs = [...new Set([...NTFS_OWN, 5, ...files])].flatMap((inode) => {
    const told = clustersOf(inode, file);
    return [...told.matchAll(/^ +\d+ +(\d+) +(\d+) *$/gm)].map(([, start, length]) => ({
      start: Number(start),
      length: Number(length),
    }));
  });
  return extentsOf(normalize(runs), 1);
}

/** Nothing for a name whose record is gone already. */
function clustersOf(inode: number, file: string): string {
  try {
    return run('ntfscluster', ['-f', '-I', String(inode), file]).toString();
  } catch (error) {
    if (String(error).includes('Cannot open inode')) return '';
    throw error;
  }
}

/** Asks `used` after every write; what it cannot read is null. */
function useOf(
  before: Buffer,
  writes: readonly DiskPatch[],
  folder: string,
  used: typeof usedOfExt,
): UseAfter[] {
  const bytes = Buffer.from(before);
  const file = path.join(folder, 'prefix');
  const all: UseAfter[] = [];
  for (let count = 0; count <= writes.length; count++) {
    const write = writes[count - 1];
    write?.bytes.copy(bytes, write.offset);
    writeFileSync(file, bytes);
    let now: [number, number][] | null = null;
    try {
      now = used(file);
    } catch (error) {
      console.log(`after ${String(count)} writes: ${String(error).slice(0, 200)}`);
    }
    if (JSON.stringify(all.at(-1)?.[1]) !== JSON.stringify(now)) all.push([count, now]);
  }
  return all;
}

interface Recipe {
  readonly name: string;
  readonly sizeBytes: number;
  readonly unitBytes: number;
  readonly trace: typeof traceExt;
  readonly used: typeof usedOfExt;
}

const RECIPES: readonly Recipe[] = [
  { name: 'ntfs', sizeBytes: 2 ** 22, unitBytes: NTFS_CLUSTER, trace: traceNtfs, used: usedOfNtfs },
  { name: 'ext4', sizeBytes: 2 ** 24, unitBytes: EXT_BLOCK, trace: traceExt, used: usedOfExt },
];

mkdirSync(FOLDER, { recursive: true });
for (const { name, sizeBytes, unitBytes, trace, used } of RECIPES) {
  const folder = mkdtempSync(path.join(tmpdir(), 'blockhouse-trace-'));
  try {
    const file = path.join(folder, 'volume');
    writeFileSync(file, Buffer.alloc(sizeBytes));
    const writes = writesIn(await trace(file, folder), sizeBytes);
    const before = readFileSync(`${file}.before`);
    const stream = encodeTrace(sizeBytes, diffImages(undefined, before), writes);
    writeFileSync(path.join(FOLDER, `${name}.bhwt.zst`), compress(stream, { compressionLevel: LEVEL }));
    const use: TraceUse = { unitBytes, used: useOf(before, writes, folder, used) };
    writeFileSync(path.join(FOLDER, `${name}.json`), `${JSON.stringify(use)}\n`);
    console.log(`${name}: ${String(writes.length)} writes, ${String(use.used.length)} lists`);
  } finally {
    for (const left of ['ntfs', 'ext', 'served'].map((each) => path.join(folder, each)))
      if (existsSync(left) && isMounted(left)) run('umount', [left]);
    rmSync(folder, { recursive: true, force: true });
  }
}
