/**
 * The files of this machine, folder by folder, as often as they are asked for: real sizes, real compressibility. A second and
 * third pass flips the same bits in every byte, so that nothing is found to be stored already and everything packs as before.
 */
import { lstatSync, readdirSync, readFileSync, type Dirent } from 'node:fs';
import path from 'node:path';

const SOURCES = ['/usr', '/var/lib', '/etc'];
const LARGEST_BYTES = 256 * 1024 * 1024;
const MOST_PASSES = 200;

export interface FoundFile {
  readonly source: string;
  readonly lengthBytes: number;
  readonly pass: number;
}

/** The files of one folder after the other; without an end, for what this is for. */
export function* foldersOfFiles(): Generator<readonly FoundFile[]> {
  for (let pass = 0; pass < MOST_PASSES; pass++) for (const source of SOURCES) yield* below(source, pass);
}

function* below(folder: string, pass: number): Generator<readonly FoundFile[]> {
  const entries = entriesOf(folder).sort((a, b) => (a.name < b.name ? -1 : 1));
  const files = entries.filter((entry) => entry.isFile());
  const found = files.flatMap(({ name }) => fileAt(path.join(folder, name), pass));
  if (found.length > 0) yield found;
  for (const entry of entries) if (entry.isDirectory()) yield* below(path.join(folder, entry.name), pass);
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function fileAt(source: string, pass: number): FoundFile[] {
  try {
    const { size } = lstatSync(source);
    return size === 0 || size > LARGEST_BYTES ? [] : [{ source, lengthBytes: size, pass }];
  } catch {
    return [];
  }
}

/** Undefined when it cannot be read (any more). */
export function contentOf({ source, pass }: FoundFile): Buffer | undefined {
  try {
    const content = readFileSync(source);
    return pass === 0 ? content : flipped(content, pass);
  } catch {
    return undefined;
  }
}

export function flipped(content: Buffer, pattern: number): Buffer {
  return content.map((byte) => byte ^ pattern) as Buffer;
}
