/**
 * The coverage gates that c8 has no setting for: every branch of the floors in STRICT is taken by some test. Reads what c8
 * wrote and names the place of each branch that no test took.
 *
 * The counts are those of the source because the tests are loaded as ES modules (`no-experimental-require-module` in
 * .mocharc.json). Loaded through `require`, tsx would turn them into CommonJS, where every export is a getter function
 * that coverage counts as a branch of line 1. Threads and child processes may still load a file in another form; what V8
 * then counts lands on a declaration's name: of a function that was called, or of an exported constant. No branch of
 * the source can begin before the first parenthesis or equals sign of a declaration, so just these places are left out.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

const STRICT = ['shared/domain/', 'shared/format/'];
const root = fileURLToPath(new URL('..', import.meta.url));
const report = JSON.parse(readFileSync(path.join(root, 'coverage/coverage-final.json'), 'utf8'));

let seen = 0;
const missed = [];
for (const [file, { branchMap, b: counts, fnMap, f: calls }] of Object.entries(report)) {
  const name = path.relative(root, file).split(path.sep).join('/');
  if (!STRICT.some((folder) => name.startsWith(folder))) continue;
  const lines = readFileSync(file, 'utf8').split('\n');
  const called = Object.entries(fnMap).filter(([id]) => calls[id] > 0);
  const declarations = new Set(called.map(([, { loc }]) => loc.start.line));
  const isName = (line, column) => {
    const text = lines[line - 1] ?? '';
    return (declarations.has(line) || text.startsWith('export const ')) && column < text.search(/[(=]/);
  };
  for (const [id, branch] of Object.entries(branchMap)) {
    counts[id].forEach((count, i) => {
      seen++;
      const { line, column } = branch.locations[i].start;
      if (count === 0 && !isName(line, column)) missed.push(`${name}:${line}:${column + 1}`);
    });
  }
}

if (seen === 0) missed.push(`${STRICT.join(', ')}: nothing was measured`);
for (const place of missed) console.error(`not covered: ${place}`);
console.log(`branches of ${STRICT.join(' and ')}: ${seen - missed.length} of ${seen} covered`);
process.exitCode = missed.length === 0 ? 0 : 1;
