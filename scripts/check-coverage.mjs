/**
 * The coverage gates that c8 has no setting for: every branch of the floors in STRICT is taken by some test. Reads what c8
 * wrote and names the place of each branch that no test took.
 *
 * The counts are those of the source because tests, threads and child processes load it in one form, as ES modules
 * (scripts/load-sources.mjs).
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

const STRICT = ['shared/domain/', 'shared/format/'];
const root = fileURLToPath(new URL('..', import.meta.url));
const report = JSON.parse(readFileSync(path.join(root, 'coverage/coverage-final.json'), 'utf8'));

let seen = 0;
const missed = [];
for (const [file, { branchMap, b: counts }] of Object.entries(report)) {
  const name = path.relative(root, file).split(path.sep).join('/');
  if (!STRICT.some((folder) => name.startsWith(folder))) continue;
  for (const [id, branch] of Object.entries(branchMap)) {
    counts[id].forEach((count, i) => {
      seen++;
      const { line, column } = branch.locations[i].start;
      if (count === 0) missed.push(`${name}:${line}:${column + 1}`);
    });
  }
}

if (seen === 0) missed.push(`${STRICT.join(', ')}: nothing was measured`);
for (const place of missed) console.error(`not covered: ${place}`);
console.log(`branches of ${STRICT.join(' and ')}: ${seen - missed.length} of ${seen} covered`);
process.exitCode = missed.length === 0 ? 0 : 1;
