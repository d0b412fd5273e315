/**
 * Remakes the committed disk group of dynamic disks, tests/fixtures/volumes/ldm-*: what scripts/fixtures/ldm-disks.py makes and ldmtool
 * confirms. Needs python3, ntfs-3g with its tools, and ldmtool; no root.
 *
 *   npx tsx scripts/make-ldm-disks.ts
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './fixtures/tools.ts';
import { saveVolume } from './fixtures/volume-file.ts';

const OUT = fileURLToPath(new URL('../tests/fixtures/volumes/', import.meta.url));
const MAKER = fileURLToPath(new URL('fixtures/ldm-disks.py', import.meta.url));

interface MadeGroup {
  readonly group: string;
  readonly volumes: readonly unknown[];
  /** Of each disk, in sectors. */
  readonly free: readonly (readonly (readonly [number, number])[])[];
}

const work = mkdtempSync(path.join(tmpdir(), 'ldm-disks-'));
try {
  run('python3', [MAKER, work]);
  const { group, volumes, free } = JSON.parse(
    readFileSync(path.join(work, 'group.json'), 'utf8'),
  ) as MadeGroup;
  for (const [i, runs] of free.entries()) {
    const number = String(i + 1);
    saveVolume({
      file: path.join(work, `disk-${number}.raw`),
      name: `ldm-${number}`,
      folder: OUT,
      free: runs,
    });
  }
  writeFileSync(path.join(OUT, 'ldm-group.json'), `${JSON.stringify({ group, volumes }, null, 1)}\n`);
} finally {
  rmSync(work, { recursive: true });
}
