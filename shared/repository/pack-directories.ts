/** What a pack holds: from its directory, or, when that is gone, from its records. */
import { hasCode } from '../base/errors.ts';
import { MiB } from '../base/units.ts';
import { invalid } from '../format/byte-reader.ts';
import { packName } from '../format/names.ts';
import {
  DIRECTORY_ENTRY_BYTES,
  PACK_FOOTER_BYTES,
  type PackEntry,
  type PackFooter,
  decodeDirectory,
  decodePackFooter,
} from '../format/pack-directory.ts';
import {
  CHUNK_HEADER_BYTES,
  type ChunkHeader,
  MAX_CHUNK_BYTES,
  MAX_PACK_BYTES,
  MAX_STORED_BYTES,
  decodeChunkHeader,
  findChunkHeader,
} from '../format/pack.ts';
import { decodeRecord } from './decode-record.ts';
import { type DeviceCipher } from './device-cipher.ts';
import { type OpenDevice } from './device.ts';
import { type Storage } from './storage.ts';

/** Holds the directory of a pack of the default size in one read. */
const TAIL_BYTES = 32 * 1024;
const WINDOW_BYTES = CHUNK_HEADER_BYTES + MAX_STORED_BYTES + 4 * MiB;

export interface PackPlace {
  readonly packId: string;
  readonly lengthBytes: number;
}

/**
 * The directory of a pack.
 * @throws AppError `FORMAT_INVALID`, `FORMAT_VERSION_UNKNOWN`, `REPO_OBJECT_MISSING`
 */
export async function readDirectory(storage: Storage, pack: PackPlace): Promise<PackEntry[]> {
  const { bytes, footer } = await readPacked(storage, pack);
  return decodeDirectory(bytes, footer, pack.packId);
}

/**
 * The entries as they are stored, checked as by `readDirectory`, in memory of their own: a tenth of the decoded ones.
 * @throws AppError as `readDirectory`
 */
export async function readDirectoryBytes(storage: Storage, pack: PackPlace): Promise<Uint8Array> {
  const { bytes, footer } = await readPacked(storage, pack);
  decodeDirectory(bytes, footer, pack.packId);
  return bytes.slice();
}

async function readPacked(
  storage: Storage,
  pack: PackPlace,
): Promise<{ readonly bytes: Uint8Array; readonly footer: PackFooter }> {
  const { packId, lengthBytes } = pack;
  if (lengthBytes > MAX_PACK_BYTES) throw invalid(`pack ${packId}`, `it has ${lengthBytes} bytes`);
  const tailStart = Math.max(0, lengthBytes - TAIL_BYTES);
  const tail = await readExactly(storage, pack, { start: tailStart, length: lengthBytes - tailStart });
  const footerStart = tail.length - PACK_FOOTER_BYTES;
  const footer = decodePackFooter(tail.subarray(Math.max(0, footerStart)), pack);
  const length = footer.entries * DIRECTORY_ENTRY_BYTES;
  const bytes =
    length <= footerStart
      ? tail.subarray(footerStart - length, footerStart)
      : await readExactly(storage, pack, { start: footer.directoryOffset, length });
  return { bytes, footer };
}

async function readExactly(
  storage: Storage,
  pack: PackPlace,
  range: { readonly start: number; readonly length: number },
): Promise<Uint8Array> {
  const bytes = new Uint8Array(range.length);
  const done = await storage.readRange(packName(pack.packId), range.start, bytes);
  if (done < range.length) throw invalid(`pack ${pack.packId}`, `it ends at byte ${range.start + done}`);
  return bytes;
}

/**
 * The sound chunks of a pack without its directory: every payload is unpacked and proven. What cannot be read or proven is
 * left out.
 */
export async function recoverDirectory(
  device: OpenDevice,
  pack: PackPlace,
  signal: AbortSignal,
): Promise<PackEntry[]> {
  const found: PackEntry[] = [];
  const window = new Uint8Array(Math.min(WINDOW_BYTES, pack.lengthBytes));
  for (let position = 0; position < pack.lengthBytes;) {
    signal.throwIfAborted();
    const length = await device.storage.readRange(packName(pack.packId), position, window);
    if (length < CHUNK_HEADER_BYTES) break;
    const isLast = position + length >= pack.lengthBytes;
    position += scanWindow(device.cipher, window.subarray(0, length), { position, isLast }, found);
  }
  return found;
}

/** Collects the sound records of a window; returns how far the next window may begin behind this one's start. */
function scanWindow(
  cipher: DeviceCipher,
  bytes: Uint8Array,
  window: { readonly position: number; readonly isLast: boolean },
  found: PackEntry[],
): number {
  const plain = new Uint8Array(MAX_CHUNK_BYTES);
  let at = findChunkHeader(bytes, 0);
  while (at >= 0) {
    const record = soundRecord(cipher, bytes, at, plain);
    if (record === 'cut off' && !window.isLast && at > 0) return at;
    if (typeof record === 'string') at = findChunkHeader(bytes, at + 1);
    else {
      found.push({ ...record, id: new Uint8Array(record.id), offset: window.position + at });
      at = findChunkHeader(bytes, at + CHUNK_HEADER_BYTES + record.storedLength);
    }
  }
  return window.isLast ? bytes.length : bytes.length - CHUNK_HEADER_BYTES + 1;
}

function soundRecord(
  cipher: DeviceCipher,
  bytes: Uint8Array,
  at: number,
  plain: Uint8Array,
): ChunkHeader | 'cut off' | 'damaged' {
  try {
    const header = decodeChunkHeader(bytes.subarray(at), 'a record');
    const end = at + CHUNK_HEADER_BYTES + header.storedLength;
    if (end > bytes.length) return 'cut off';
    decodeRecord(cipher, bytes.subarray(at, end), header, plain);
    return header;
  } catch (error) {
    if (hasCode(error, 'FORMAT_INVALID', 'FORMAT_VERSION_UNKNOWN')) return 'damaged';
    throw error;
  }
}
