/**
 * A frozen flat disk in a datastore that is mounted on this host (NFS): descriptor and extent are ordinary files. Only files
 * inside the mounted folder are opened, wherever names or links in it may point.
 */
import { open, realpath } from 'node:fs/promises';
import path from 'node:path';
import { AppError, systemCode } from '../../../shared/base/errors.ts';
import { parseDatastorePath } from '../../../shared/vsphere/datastore-path.ts';
import { type BlockReader } from '../../ports.ts';
import { type FlatExtent, MAX_DESCRIPTOR_BYTES, flatExtentOf } from '../vmdk-descriptor.ts';
import { calling, failed, openFlatFile } from './flat-file.ts';

export interface FileDiskOptions {
  /** Datastore name → folder where it is mounted. */
  readonly datastorePaths: Readonly<Record<string, string>>;
  /** `[datastore] folder/name.vmdk`: the frozen descriptor. */
  readonly fileName: string;
  readonly capacityBytes: number;
}

/** The folder where the file's datastore is mounted, or undefined. */
export function mountedFolder(
  datastorePaths: Readonly<Record<string, string>>,
  fileName: string,
): string | undefined {
  const datastore = parseDatastorePath(fileName)?.datastore ?? '';
  return Object.hasOwn(datastorePaths, datastore) ? datastorePaths[datastore] : undefined;
}

/**
 * Opens the disk.
 *
 * @throws AppError `TRANSPORT_UNAVAILABLE` when the datastore is not mounted here or the file is not in it;
 *   `TRANSPORT_DELTA_CHAIN`, `TRANSPORT_DESCRIPTOR_INVALID`; `TRANSPORT_SHORT_READ` when the file is shorter than the disk;
 *   `TRANSPORT_FAILED`
 */
export async function openFileDisk(options: FileDiskOptions, signal: AbortSignal): Promise<BlockReader> {
  signal.throwIfAborted();
  const { fileName, capacityBytes } = options;
  const folder = mountedFolder(options.datastorePaths, fileName);
  const inside = parseDatastorePath(fileName)?.path;
  if (folder === undefined || inside === undefined)
    throw unavailable(fileName, 'its datastore is not mounted here');
  const descriptorPath = await insideOf(folder, inside, fileName);
  const extent = await readExtent(descriptorPath, fileName, capacityBytes);
  const flatPath = await insideOf(folder, path.join(path.dirname(inside), extent.file), fileName);
  return openFlatFile({ path: flatPath, offsetBytes: extent.offsetBytes, capacityBytes }, signal);
}

/** The real path of a name below `folder`, links resolved. */
async function insideOf(folder: string, name: string, fileName: string): Promise<string> {
  const root = await found(folder, fileName);
  const real = await found(path.join(root, name), fileName);
  if (!real.startsWith(root.endsWith(path.sep) ? root : root + path.sep)) {
    throw unavailable(fileName, `it lies outside of the folder "${folder}"`);
  }
  return real;
}

async function found(file: string, fileName: string): Promise<string> {
  try {
    return await realpath(file);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT' && systemCode(error) !== 'ENOTDIR') throw failed(file, error);
    throw unavailable(fileName, `"${file}" does not exist`, error);
  }
}

async function readExtent(file: string, fileName: string, capacityBytes: number): Promise<FlatExtent> {
  const handle = await calling(file, () => open(file, 'r'));
  try {
    const into = new Uint8Array(MAX_DESCRIPTOR_BYTES + 1);
    const { bytesRead } = await calling(file, () => handle.read(into, 0, into.length, 0));
    return flatExtentOf(into.subarray(0, bytesRead), fileName, capacityBytes);
  } finally {
    await handle.close();
  }
}

function unavailable(fileName: string, reason: string, cause?: unknown): AppError {
  const facts = { file: fileName, reason };
  return new AppError(
    'TRANSPORT_UNAVAILABLE',
    `Cannot read the disk "${fileName}" as a file: ${reason}`,
    facts,
    cause,
  );
}
