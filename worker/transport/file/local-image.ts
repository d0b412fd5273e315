/**
 * A disk in a file that somebody names: a raw image, or the descriptor of a flat VMDK with its extent beside it. Images with a
 * structure of their own are told apart by their first bytes, since read as raw they would look like disks of noise:
 *
 *   0 "KDMV" sparse VMDK   "COWD" VMDK delta   "QFI" FB qcow2   "vhdxfile" VHDX   "conectix" VHD (a fixed one has it at its end)
 */
import { open } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../../shared/base/errors.ts';
import { type BlockReader } from '../../ports.ts';
import { MAX_DESCRIPTOR_BYTES, frozenFlatExtent, isDescriptor, parseDescriptor } from '../vmdk-descriptor.ts';
import { type FlatFile, calling, openFlatFile } from './flat-file.ts';

const foreign: readonly (readonly [string, string])[] = [
  ['KDMV', 'a sparse VMDK'],
  ['COWD', 'a VMDK delta'],
  ['QFI\u00fb', 'a qcow2 image'],
  ['vhdxfile', 'a VHDX image'],
  ['conectix', 'a VHD image'],
];

/**
 * Opens the disk in the file; disposing of the reader closes it.
 * @throws AppError `DISK_FILE_UNUSABLE`; `TRANSPORT_DELTA_CHAIN`, `TRANSPORT_DESCRIPTOR_INVALID`, `TRANSPORT_SHORT_READ` for a
 *   descriptor and its extent; `TRANSPORT_FAILED`
 */
export async function openLocalImage(file: string, signal: AbortSignal): Promise<BlockReader> {
  const { head, lengthBytes } = await readHead(file);
  const start = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, 8)).toString('latin1');
  const kind = foreign.find(([magic]) => start.startsWith(magic))?.[1];
  if (kind !== undefined) throw unusable(file, `it is ${kind}, not a raw image`);
  return openFlatFile(flatFileOf(file, head, lengthBytes), signal);
}

function flatFileOf(file: string, head: Uint8Array, lengthBytes: number): FlatFile {
  if (!isDescriptor(head)) return { path: file, offsetBytes: 0, capacityBytes: lengthBytes };
  const extent = frozenFlatExtent(parseDescriptor(head, file), file);
  const flatPath = path.join(path.dirname(file), extent.file);
  return { path: flatPath, offsetBytes: extent.offsetBytes, capacityBytes: extent.lengthBytes };
}

/** The length of the file, and as much of it as a descriptor may have and one byte more. */
async function readHead(file: string): Promise<{ readonly head: Uint8Array; readonly lengthBytes: number }> {
  const handle = await open(file, 'r').catch((error: unknown) => {
    throw unusable(file, error instanceof Error ? error.message : String(error), error);
  });
  try {
    const stat = await calling(file, () => handle.stat());
    if (!stat.isFile()) throw unusable(file, 'it is not an ordinary file');
    if (stat.size === 0) throw unusable(file, 'it is empty');
    const into = new Uint8Array(MAX_DESCRIPTOR_BYTES + 1);
    const { bytesRead } = await calling(file, () => handle.read(into, 0, into.length, 0));
    return { head: into.subarray(0, bytesRead), lengthBytes: stat.size };
  } finally {
    await handle.close();
  }
}

function unusable(file: string, reason: string, cause?: unknown): AppError {
  const message = `Cannot use the file "${file}" as a disk: ${reason}`;
  return new AppError('DISK_FILE_UNUSABLE', message, { file, reason }, cause);
}
