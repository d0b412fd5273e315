/**
 * Hibernation and fast start-up: while Windows sleeps on the disk, what it knows about the volume is in hiberfil.sys and not in
 * $Bitmap. The file begins with "hibr" or "HIBR" as long as there is something to wake up to.
 *
 * Source: docs/format/ntfs.md, section 10.
 */
import { readStart } from './family.ts';
import { gateClosed } from './gate.ts';
import { type Mft, readFamily } from './mft.ts';
import { findInDirectory } from './root-index.ts';
import { recordNumbers } from './units.ts';

const FILE_NAME = 'hiberfil.sys';
const MAGIC = 'hibr';

/**
 * Lets a volume pass that nobody sleeps on.
 * @throws AppError `FILTER_GATE_CLOSED` when somebody does, or when it cannot be told
 */
export async function checkHibernation(mft: Mft): Promise<void> {
  const root = await readFamily(mft, recordNumbers.root);
  const reference = await findInDirectory(mft.volume, root, FILE_NAME);
  if (reference === null) return;
  const file = await readFamily(mft, reference.number, reference.sequence);
  if (file.base.isDirectory) return;
  const start = await readStart(mft.volume, file, MAGIC.length);
  if (start === null) {
    throw gateClosed('hibernated', 'The hibernation file cannot be read: it is compressed', file.base.at);
  }
  if (String.fromCharCode(...start).toLowerCase() === MAGIC) {
    throw gateClosed('hibernated', 'Windows is hibernated on the volume', file.base.at);
  }
}
