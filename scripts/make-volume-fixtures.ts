/**
 * Remakes the committed volumes of tests/fixtures/volumes that cannot be made without mounting them: XFS clean, frozen and as after
 * a crash, exFAT with files. Needs root, a loop device, a kernel with XFS, /dev/fuse, and xfsprogs, exfatprogs, exfat-fuse, partclone.
 *
 *   npx tsx scripts/make-volume-fixtures.ts
 *
 * Each volume is a patch stream from zeros (tests/support/disk-patches.ts) and a .json with what xfs_db or partclone says is free.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { saveVolume } from './fixtures/volume-file.ts';
import { run } from './fixtures/tools.ts';

const OUT = fileURLToPath(new URL('../tests/fixtures/volumes/', import.meta.url));
const SIZE = '64M';
const PAGE = 'Blockhouse keeps what a guest may need. ';

/** Text of a file: its number makes each one different. */
const content = (number: number, lengthBytes: number): Buffer =>
  Buffer.alloc(lengthBytes, `${PAGE}${String(number)};`);

function format(file: string, options: readonly string[]): void {
  run('truncate', ['-s', SIZE, file]);
  run('mkfs.xfs', ['-q', '--unsupported', '-L', 'fixture', '-d', 'agcount=4', ...options, file]);
}

/** Free space in many pieces: every second of many small files is deleted. */
function fill(root: string): void {
  const folder = path.join(root, 'files');
  mkdirSync(folder);
  for (let number = 0; number < 700; number++) {
    writeFileSync(path.join(folder, `f-${String(number)}`), content(number, 3000));
  }
  writeFileSync(path.join(root, 'large'), content(9999, 5_000_000));
  run('sync', ['-f', root]);
  for (let number = 0; number < 700; number += 2) rmSync(path.join(folder, `f-${String(number)}`));
}

function makeSmallBlocks(workFolder: string): void {
  const file = path.join(workFolder, 'volume');
  format(file, ['-b', 'size=1024', '-l', 'size=10m,version=2']);
  const root = mkdtempSync(path.join(workFolder, 'mount-'));
  run('mount', ['-t', 'xfs', '-o', 'loop,nodiscard', file, root]);
  try {
    fill(root);
    run('fsfreeze', ['-f', root]);
    try {
      save(file, 'xfs-frozen');
    } finally {
      run('fsfreeze', ['-u', root]);
    }
    writeFileSync(path.join(root, 'late'), content(7777, 900_000));
    rmSync(path.join(root, 'files', 'f-1'));
    run('sync', ['-f', root]);
    save(file, 'xfs-crashed');
  } finally {
    run('umount', [root]);
  }
  save(file, 'xfs-clean');
}

/** The kernel may hold pages of the loop file for itself: what lies in it is what a snapshot would see. */
function save(file: string, name: string): void {
  saveVolume({ file, name, folder: OUT, free: name === 'xfs-crashed' ? [] : freeByXfsDb(file) });
}

function makeOld(workFolder: string): void {
  const file = path.join(workFolder, 'old');
  const one = path.join(workFolder, 'one');
  const lines = ['/stand/none', '0 0', 'd--755 0 0', 'many d--755 0 0'];
  for (let number = 0; number < 40; number++) {
    writeFileSync(`${one}-${String(number)}`, content(number, 7000));
    lines.push(`f-${String(number)} ---644 0 0 ${one}-${String(number)}`);
  }
  const prototype = path.join(workFolder, 'prototype');
  writeFileSync(prototype, [...lines, '$', '$', ''].join('\n'));
  format(file, ['-m', 'crc=0', '-l', 'size=10m,version=1', '-p', prototype]);
  save(file, 'xfs-v4');
}

/** `[block, blocks]` of all free space, blocks counted through the whole volume; xfs_db counts those set aside for trees, too. */
function freeByXfsDb(file: string): [number, number][] {
  const groupBlocks = xfsDbNumber(file, 'sb 0', 'agblocks');
  const text = run('xfs_db', ['-r', '-c', 'freesp -d', file]).toString();
  const aside = new Set(
    [0, 1, 2, 3].flatMap((group) => asideOf(file, group).map((block) => group * groupBlocks + block)),
  );
  return [...text.matchAll(/^ *(\d+) +(\d+) +(\d+) *$/gm)]
    .map(([, group, block, blocks]): [number, number] => [
      Number(group) * groupBlocks + Number(block),
      Number(blocks),
    ])
    .filter(([block, blocks]) => blocks > 1 || !aside.has(block))
    .sort((one, other) => one[0] - other[0]);
}

/** Blocks of a group that are set aside for its trees. */
function asideOf(file: string, group: number): number[] {
  const [first, last] = ['flfirst', 'fllast'].map((name) => xfsDbNumber(file, `agf ${String(group)}`, name));
  const text = run('xfs_db', ['-r', '-c', `agfl ${String(group)}`, '-c', 'p bno', file]).toString();
  const blocks = [...text.matchAll(/(\d+):(\d+)/g)].map(
    ([, index, block]) => [Number(index), Number(block)] as const,
  );
  return blocks.filter(([index]) => isBetween(index, first ?? 0, last ?? 0)).map(([, block]) => block);
}

/** The list is a ring. */
const isBetween = (index: number, first: number, last: number): boolean =>
  first <= last ? index >= first && index <= last : index >= first || index <= last;

function xfsDbNumber(file: string, place: string, name: string): number {
  return Number(/= (\d+)/.exec(run('xfs_db', ['-r', '-c', place, '-c', `p ${name}`, file]).toString())?.[1]);
}

/** exFAT with clusters of 512 bytes, written by exfat-fuse, every second small file deleted again. */
function makeExfat(workFolder: string): void {
  const file = path.join(workFolder, 'exfat');
  run('truncate', ['-s', '16M', file]);
  run('mkfs.exfat', ['-c', '512', '-L', 'fixture', file]);
  const root = mkdtempSync(path.join(workFolder, 'mount-'));
  const device = run('losetup', ['-f', '--show', file]).toString().trim();
  run('mount.exfat-fuse', [device, root]);
  try {
    for (let number = 0; number < 200; number++) {
      writeFileSync(path.join(root, `f-${String(number)}`), content(number, 3000));
    }
    mkdirSync(path.join(root, 'folder'));
    writeFileSync(path.join(root, 'folder', 'large'), content(9999, 2_000_000));
    for (let number = 0; number < 200; number += 2) rmSync(path.join(root, `f-${String(number)}`));
  } finally {
    run('umount', [root]);
    run('losetup', ['-d', device]);
  }
  run('fsck.exfat', ['-n', file]);
  saveVolume({ file, name: 'exfat', folder: OUT, free: freeByPartclone(file) });
}

/** `[byte, bytes]` that partclone would not copy. */
function freeByPartclone(file: string): [number, number][] {
  const map = run('partclone.exfat', ['-q', '-I', '-F', '-D', '-s', file, '-O', '-']).toString();
  return [...map.matchAll(/^(0x[0-9A-F]+)\s+(0x[0-9A-F]+)\s+\?$/gim)].map(([, start, length]) => [
    Number(start),
    Number(length),
  ]);
}

const workFolder = mkdtempSync(path.join(tmpdir(), 'make-volumes-'));
try {
  mkdirSync(OUT, { recursive: true });
  makeSmallBlocks(workFolder);
  makeOld(workFolder);
  makeExfat(workFolder);
} finally {
  rmSync(workFolder, { recursive: true, force: true });
}
