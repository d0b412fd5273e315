/** The settings of a data folder: from a file where there is one, else the defaults of shared/contract/config.ts. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError, systemCode } from '../shared/base/errors.ts';
import { type Config, parseConfig } from '../shared/contract/config.ts';

/**
 * @param file - must exist when it is named; else `config.json` of the data folder, which may be missing
 * @throws AppError `CONFIG_INVALID` naming the file and everything that is wrong in it
 */
export async function loadConfig(dataDir: string, file: string | undefined): Promise<Config> {
  const place = file ?? path.join(dataDir, 'config.json');
  let text: string;
  try {
    text = await readFile(place, 'utf8');
  } catch (error) {
    if (file === undefined && systemCode(error) === 'ENOENT') return parseConfig({});
    throw new AppError('CONFIG_INVALID', `Cannot read the settings file "${place}"`, { file: place }, error);
  }
  return parseConfig(withoutSchema(parseText(text, place)));
}

function parseText(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'no JSON';
    throw new AppError('CONFIG_INVALID', `Cannot use "${place}": ${reason}`, { file: place }, error);
  }
}

/** Editors find completion by `$schema`; it is not a setting. */
function withoutSchema(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== '$schema'));
}
