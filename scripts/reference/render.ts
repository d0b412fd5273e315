/** Every derived file by its path in the project, as text laid out by prettier. */
import { format, resolveConfig } from 'prettier';
import { renderCliPage } from './cli-page.ts';
import { defaultSettings, renderConfigPage, settingsSchema } from './config-page.ts';
import { renderErrorsPage } from './errors-page.ts';

export async function renderReference(): Promise<Readonly<Record<string, string>>> {
  const texts = {
    'docs/reference/errors.md': renderErrorsPage(),
    'docs/reference/config.md': renderConfigPage(),
    'docs/reference/cli.md': await renderCliPage(),
    'config/default.json': JSON.stringify(defaultSettings(), undefined, 2),
    'config/config.schema.json': JSON.stringify(settingsSchema(), undefined, 2),
  };
  const files = Object.entries(texts).map(async ([file, text]) => [file, await layOut(file, text)] as const);
  return Object.fromEntries(await Promise.all(files));
}

async function layOut(file: string, text: string): Promise<string> {
  return await format(text, { ...(await resolveConfig(import.meta.filename)), filepath: file });
}
