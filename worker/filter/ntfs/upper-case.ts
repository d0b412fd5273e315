/**
 * $UpCase (record 10): the upper-case form of each UTF-16 unit, by which the volume compares names. 65,536 entries of 2 bytes.
 *
 * Source: docs/format/ntfs.md, section 11.
 */
import { requireContent, requireName } from './family.ts';
import { type Mft, readFamily } from './mft.ts';
import { readStream, requirePlain } from './stream.ts';
import { ntfsDamage, recordNumbers } from './units.ts';

const UNITS = 65536;
const CASE_DISTANCE = 0x20;

/** Two names are the same to the volume when this makes them equal. */
export type UpperCase = (name: string) => string;

/** @throws AppError `FS_STRUCTURE_INVALID` when the table is missing, or is none */
export async function readUpperCase(mft: Mft): Promise<UpperCase> {
  const family = await readFamily(mft, recordNumbers.upperCase);
  requireName(family, '$UpCase');
  const stream = requirePlain(mft.volume, requireContent(mft.volume, family, '$UpCase'));
  const bytes = new Uint8Array(2 * UNITS);
  if (stream.sizeBytes !== bytes.length || stream.initialisedBytes !== bytes.length) {
    throw ntfsDamage('$UpCase', `it has ${stream.sizeBytes} bytes`, stream.at);
  }
  await readStream(mft.volume, stream, 0, bytes);
  const view = new DataView(bytes.buffer);
  const upperOf = (unit: number): number => view.getUint16(2 * unit, true);
  for (let unit = 0; unit < 0x80; unit++) {
    const isLetter = unit >= 0x61 && unit <= 0x7a;
    if (upperOf(unit) !== (isLetter ? unit - CASE_DISTANCE : unit)) {
      throw ntfsDamage('$UpCase', `it makes ${upperOf(unit)} of the character ${unit}`, stream.at);
    }
  }
  return (name) => {
    let upper = '';
    for (let i = 0; i < name.length; i++) upper += String.fromCharCode(upperOf(name.charCodeAt(i)));
    return upper;
  };
}
