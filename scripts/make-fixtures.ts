/**
 * Remakes the committed disks of tests/fixtures/disks: `npx tsx scripts/make-fixtures.ts [name…]`. Needs root, the
 * tools named in tests/fixtures/README.md, /dev/fuse and a loop device. File content and places are the same each
 * time; time stamps and volume serial numbers are not, so remake only what must change.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DiskMaker, type DiskRecipe } from './fixtures/disk-maker.ts';
import { blank, lateMetadata, linuxExt4 } from './fixtures/special-disks.ts';
import { winMbr } from './fixtures/win-mbr.ts';
import { win64k, winGpt, winTwo } from './fixtures/win-others.ts';

const RECIPES: readonly DiskRecipe[] = [winMbr, winGpt, winTwo, win64k, lateMetadata, linuxExt4, blank];

async function makeFixtures(names: readonly string[]): Promise<void> {
  const unknown = names.find((name) => !RECIPES.some((recipe) => recipe.name === name));
  if (unknown !== undefined) throw new Error(`Cannot make the disk "${unknown}": there is no recipe`);
  const workFolder = mkdtempSync(path.join(tmpdir(), 'make-fixtures-'));
  try {
    for (const recipe of RECIPES.filter(({ name }) => names.length === 0 || names.includes(name))) {
      const disk = new DiskMaker(recipe, workFolder);
      await recipe.make(disk);
      disk.finish();
    }
  } finally {
    rmSync(workFolder, { recursive: true, force: true });
  }
}

await makeFixtures(process.argv.slice(2));
