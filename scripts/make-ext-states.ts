/**
 * Remakes tests/fixtures/ext: volumes of ext2, ext3 and ext4 caught while mounted, `npx tsx scripts/make-ext-states.ts`. Needs root, a
 * loop device and e2fsprogs. What is free is told by dumpe2fs after e2fsck has replayed the journal of a copy.
 */
import {
  closeSync,
  copyFileSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { compress } from 'zstd-napi';
import { intersect, subtract, totalLength } from '../shared/domain/extent.ts';
import { freeByDumpe2fs, replayByE2fsck } from '../tests/support/ext-oracle.ts';
import { type ExtState } from '../tests/support/ext-states.ts';
import { run } from './fixtures/tools.ts';

const FOLDER = fileURLToPath(new URL('../tests/fixtures/ext/', import.meta.url));
const SIZE = 24 * 1024 * 1024;

interface Recipe {
  readonly name: string;
  readonly format: readonly string[];
  readonly options: string;
  readonly caught: 'mounted' | 'frozen';
  readonly gate: string | null;
}

const small = ['-J', 'size=4'];
const RECIPES: readonly Recipe[] = [
  {
    name: 'ext4-crash',
    format: ['-t', 'ext4', '-b', '4096', '-g', '1024', ...small],
    options: '',
    caught: 'mounted',
    gate: null,
  },
  {
    name: 'ext4-frozen',
    format: ['-t', 'ext4', '-b', '4096', ...small],
    options: '',
    caught: 'frozen',
    gate: null,
  },
  {
    name: 'ext4-data-journal',
    format: ['-t', 'ext4', '-b', '1024', '-O', '^metadata_csum,^64bit', '-J', 'size=1'],
    options: ',data=journal',
    caught: 'mounted',
    gate: null,
  },
  {
    name: 'ext3-crash',
    format: ['-t', 'ext3', '-b', '1024', ...small],
    options: '',
    caught: 'mounted',
    gate: null,
  },
  {
    name: 'ext4-bigalloc-crash',
    format: ['-t', 'ext4', '-b', '1024', '-O', 'bigalloc', '-C', '8192', ...small],
    options: '',
    caught: 'mounted',
    gate: null,
  },
  {
    name: 'ext4-fast-commit',
    format: ['-t', 'ext4', '-b', '4096', '-O', 'fast_commit', ...small],
    options: '',
    caught: 'mounted',
    gate: 'journal-fast-commit',
  },
  { name: 'ext2-mounted', format: ['-t', 'ext2'], options: '', caught: 'mounted', gate: 'not-clean' },
];

/** Bytes that pack well and differ from page to page. */
function content(seed: number, lengthBytes: number): Buffer {
  const bytes = Buffer.alloc(lengthBytes, seed % 251);
  for (let at = 0; at + 16 < lengthBytes; at += 1024) bytes.write(`${seed}:${at};`, at);
  // What a journal must escape.
  if (lengthBytes >= 4) bytes.writeUInt32BE(0xc03b3998, 0);
  return bytes;
}

/** Files that come and go, in transactions of their own; what is left was synced. */
function live(root: string): void {
  for (let i = 0; i < 30; i++) writeFileSync(path.join(root, `old-${i}`), content(i, 500 + i * 1500));
  syncAll(root);
  for (let round = 0; round < 3; round++) {
    for (let i = round; i < 30; i += 4) rmSync(path.join(root, `old-${i}`), { force: true });
    const folder = path.join(root, `round-${round}`);
    mkdirSync(folder);
    for (let i = 0; i < 20; i++)
      writeFileSync(path.join(folder, `new-${i}`), content(100 + i, 1000 + i * 1800));
    syncAll(folder);
  }
  rmSync(path.join(root, 'round-0'), { recursive: true });
  syncAll(path.join(root, 'round-1'));
}

function syncAll(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = openSync(path.join(folder, entry.name), 'r+');
    fsyncSync(file);
    closeSync(file);
  }
}

function makeState(recipe: Recipe, folder: string): ExtState {
  const volume = path.join(folder, 'volume.raw');
  const caught = path.join(folder, 'caught.raw');
  rmSync(volume, { force: true });
  writeFileSync(volume, '');
  truncateSync(volume, SIZE);
  run('mke2fs', ['-q', '-F', ...recipe.format, '-L', recipe.name.slice(0, 16), volume]);
  const root = path.join(folder, 'mount');
  mkdirSync(root, { recursive: true });
  run('mount', ['-o', `loop,nodiscard${recipe.options}`, volume, root]);
  try {
    live(root);
    if (recipe.caught === 'frozen') run('fsfreeze', ['-f', root]);
    copyFileSync(volume, caught);
    if (recipe.caught === 'frozen') run('fsfreeze', ['-u', root]);
  } finally {
    run('umount', [root]);
  }
  writeFileSync(
    path.join(FOLDER, `${recipe.name}.raw.zst`),
    compress(readFileSync(caught), { compressionLevel: 19 }),
  );
  return describe(recipe, caught);
}

function describe({ name, format, options, caught, gate }: Recipe, file: string): ExtState {
  const description = `mke2fs ${format.join(' ')}, mounted with nodiscard${options}, caught ${caught}`;
  if (gate !== null) return { name, description, gate, free: [], staleBytes: 0 };
  const before = freeByDumpe2fs(file);
  replayByE2fsck(file);
  const free = freeByDumpe2fs(file);
  const staleBytes = totalLength(subtract(before, intersect(before, free)));
  return { name, description, gate, free: free.map(({ start, length }) => [start, length]), staleBytes };
}

const folder = mkdtempSync(path.join(tmpdir(), 'make-ext-states-'));
try {
  mkdirSync(FOLDER, { recursive: true });
  const states = RECIPES.map((recipe) => makeState(recipe, folder));
  const text = JSON.stringify(states, null, 1).replaceAll(/\[[^[\]]*\]/g, (inner) =>
    inner.replaceAll(/\n\s+/g, ' '),
  );
  writeFileSync(path.join(FOLDER, 'states.json'), `${text}\n`);
  for (const { name, staleBytes } of states)
    console.log(`${name}: ${staleBytes} bytes known to the journal alone`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
