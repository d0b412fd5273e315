/**
 * Paths whose content a job leaves out of its points: a file or a folder, as the guest names it.
 *
 *   \Temp             of every NTFS volume of the VM
 *   Data:\Cache\old   of volumes with the label "Data"
 *
 * Disks do not know the letters that a running Windows gives to volumes, so a letter is refused rather than guessed. There are no
 * wildcards: what is left out should be plain to read. `/` does for `\`, which shells like to eat.
 */

export interface ExcludedPath {
  /** As it was written. */
  readonly text: string;
  /** Null: of every volume. */
  readonly label: string | null;
  /** From the root directory on; at least one. */
  readonly names: readonly string[];
}

/** What Windows writes its memory to, in the root directory. */
export const swapFileNames = ['pagefile.sys', 'swapfile.sys', 'hiberfil.sys'] as const;

const MAX_NAME_UNITS = 255;
const IMPOSSIBLE = /["*:<>?|]/;

/** The path, or what is wrong with it as the end of a sentence. */
export function parseExcludedPath(text: string): ExcludedPath | { readonly problem: string } {
  const normal = text.replaceAll('/', '\\');
  const colon = normal.indexOf(':');
  const label = colon < 0 ? null : normal.slice(0, colon);
  const path = normal.slice(colon + 1);
  const names = path.replace(/\\$/, '').split('\\').slice(1);
  const problem = problemOf(label, path, names);
  return problem === null ? { text, label, names } : { problem };
}

function problemOf(label: string | null, path: string, names: readonly string[]): string | null {
  if (label !== null && /^[a-z]?$/i.test(label)) {
    return 'disks do not know drive letters; begin with "\\", or with the label of the volume and ":\\"';
  }
  if (!path.startsWith('\\') || label?.includes('\\') === true) return 'it does not begin with "\\"';
  if (names.length === 0) return 'it names all of a volume';
  const wrong = names.find((name) => !isPossible(name));
  if (wrong !== undefined) return `"${wrong}" is no name of a file or folder; there are no wildcards`;
  if (/^\\system volume information(?:\\|$)/i.test(path)) {
    return 'Windows keeps what other files need in that folder';
  }
  return null;
}

function isPossible(name: string): boolean {
  const isTooLong = name.length > MAX_NAME_UNITS;
  const hasControls = Array.from(name).some((character) => character < ' ');
  return !/^\.{0,2}$/.test(name) && !isTooLong && !hasControls && !IMPOSSIBLE.test(name);
}
