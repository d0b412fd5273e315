/**
 * Writes what is derived from the sources: docs/reference/{errors,config,cli}.md, config/{default,config.schema,example}.json.
 * A test compares them with the committed files. Usage: `npx tsx scripts/gen-reference.ts`
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { renderReference } from './reference/render.ts';

const root = path.resolve(import.meta.dirname, '..');
for (const [file, text] of Object.entries(await renderReference())) {
  const target = path.join(root, file);
  await mkdir(path.dirname(target), { recursive: true });
  await writeFile(target, text);
}
