/** Paths of files by the number of their record: names and parents, up to the root. */
import { hasCode } from '../../../shared/base/errors.ts';
import { type FileReference } from './file-record.ts';
import { namesOf } from './file-names.ts';
import { type Mft, readFamily } from './mft.ts';
import { recordNumbers } from './units.ts';

/** Windows takes paths of 32,767 characters; one with more folders is a ring. */
const MAX_DEPTH = 1024;
/** Stands for a folder that cannot be read. */
const UNKNOWN = '?';

interface Named {
  readonly name: string;
  readonly isDirectory: boolean;
  readonly folder: FileReference;
}

/** Finds paths in one MFT; folders that were met are remembered. */
export class Paths {
  readonly #mft: Mft;
  readonly #folders = new Map<number, Named | null>();

  constructor(mft: Mft) {
    this.#mft = mft;
  }

  /**
   * The path from the root of the volume, with `\` at the end of a folder's; `file record 57` when it has no name that can be read.
   * @throws what the reader throws for other reasons than what the volume holds
   */
  async of(number: number): Promise<string> {
    if (number === recordNumbers.root) return '\\';
    const file = await this.#named(number);
    if (file === null) return `file record ${number}`;
    const names = [file.isDirectory ? `${file.name}\\` : file.name];
    for (let { folder } = file; folder.number !== recordNumbers.root;) {
      const above = names.length < MAX_DEPTH ? await this.#folder(folder) : null;
      names.unshift(above?.name ?? UNKNOWN);
      if (above === null) break;
      folder = above.folder;
    }
    return `\\${names.join('\\')}`;
  }

  async #folder({ number, sequence }: FileReference): Promise<Named | null> {
    const known = this.#folders.get(number);
    if (known !== undefined) return known;
    const found = await this.#named(number, sequence);
    this.#folders.set(number, found);
    return found;
  }

  async #named(number: number, sequence?: number): Promise<Named | null> {
    try {
      const family = await readFamily(this.#mft, number, sequence);
      const names = namesOf(family);
      const name = names.find(({ isShort }) => !isShort) ?? names[0];
      return name === undefined ? null : { ...name, isDirectory: family.base.isDirectory };
    } catch (error) {
      if (!hasCode(error, 'FS_STRUCTURE_INVALID')) throw error;
      return null;
    }
  }
}
