/**
 * Files that a disk is restored to. Bytes that are never written read as zeros and take no space.
 *
 *   raw    one sparse file: byte n of the file is byte n of the disk
 *   vmdk   monolithicFlat: a text descriptor `name.vmdk` and the raw bytes in `name-flat.vmdk` beside it
 *
 * A target is visible under its name only when it is whole: the extent is synced and renamed first, the descriptor last.
 */
import { randomBytes } from 'node:crypto';
import { lstat, rm } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder, writeFileAtomic } from '../../shared/base/atomic-file.ts';
import { AppError, systemCode } from '../../shared/base/errors.ts';
import { SECTOR_BYTES } from '../../shared/base/units.ts';
import { encodeFlatDescriptor } from '../transport/vmdk-descriptor.ts';
import { SparseFile, attempt } from './sparse-file.ts';

/** Where a restored disk is written. Disposing it is `abort`, which does nothing after `finish`. */
export interface RestoreTarget extends AsyncDisposable {
  /** The file that the user named. */
  readonly path: string;
  readonly capacityBytes: number;
  /**
   * Writes all of `bytes` at byte `offset`; several calls may run at the same time. The bytes may be reused when the
   * promise has resolved.
   */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** Makes the whole target durable, then visible. Nothing may be written after it. */
  finish(): Promise<void>;
  /** Removes what was written; an older file that would have been overwritten stays as it was. */
  abort(): Promise<void>;
}

export interface TargetOptions {
  /** Whether files that exist are replaced. */
  readonly overwrite: boolean;
}

/**
 * Opens a sparse raw image.
 *
 * @throws AppError `RESTORE_TARGET_EXISTS` when it exists and may not be overwritten; `RESTORE_TARGET_FAILED` naming the
 *   path when it cannot be written
 */
export async function openRawTarget(
  target: string,
  capacityBytes: number,
  options: TargetOptions,
): Promise<RestoreTarget> {
  await refuseExisting([target], options);
  const file = await SparseFile.create(target, capacityBytes);
  return targetOver(file, target, capacityBytes, async () => {
    await refuseExisting([target], options);
    await file.sync();
    await file.publish();
  });
}

/**
 * Opens a monolithicFlat VMDK; `target` is its descriptor. The same errors as `openRawTarget`; also
 * `RESTORE_TARGET_FAILED` for a name that a descriptor cannot hold, or a capacity that is not in whole sectors.
 */
export async function openVmdkTarget(
  target: string,
  capacityBytes: number,
  options: TargetOptions,
): Promise<RestoreTarget> {
  const extentPath = extentPathOf(target);
  if (/["\r\n]/.test(target)) throw unusable(target, 'a descriptor cannot hold its name');
  if (capacityBytes % SECTOR_BYTES !== 0)
    throw unusable(target, `${capacityBytes} bytes are not whole sectors`);
  const both = [target, extentPath];
  await refuseExisting(both, options);
  const file = await SparseFile.create(extentPath, capacityBytes);
  return targetOver(file, target, capacityBytes, async () => {
    await refuseExisting(both, options);
    await file.sync();
    await file.publish();
    const text = encodeFlatDescriptor({
      capacityBytes,
      extentName: path.basename(extentPath),
      cid: newContentId(),
    });
    try {
      await attempt('write', target, () => writeFileAtomic(target, text, 0o600));
    } catch (error) {
      await rm(extentPath, { force: true });
      throw error;
    }
  });
}

/** `disk.vmdk` → `disk-flat.vmdk`. */
function extentPathOf(target: string): string {
  const stem = path.basename(target).replace(/\.vmdk$/i, '');
  return path.join(path.dirname(target), `${stem}-flat.vmdk`);
}

/** Below 0x80000000, so that it is never one of the two reserved values at the top. */
const newContentId = (): string => (randomBytes(4).readUInt32BE() >>> 1).toString(16).padStart(8, '0');

function targetOver(
  file: SparseFile,
  target: string,
  capacityBytes: number,
  publish: () => Promise<void>,
): RestoreTarget {
  return {
    path: target,
    capacityBytes,
    write: (offset, bytes) => file.write(offset, bytes),
    async finish() {
      await publish();
      await attempt('sync', target, () => syncFolder(path.dirname(target)));
    },
    abort: () => file.abort(),
    [Symbol.asyncDispose]: () => file.abort(),
  };
}

async function refuseExisting(targets: readonly string[], options: TargetOptions): Promise<void> {
  for (const target of targets) {
    const found = await attempt('look at', target, () => lstatIfThere(target));
    if (found === undefined || (options.overwrite && found.isFile())) continue;
    if (!found.isFile()) throw unusable(target, 'it is not a regular file');
    throw new AppError('RESTORE_TARGET_EXISTS', `Cannot restore to "${target}": it exists`, { path: target });
  }
}

async function lstatIfThere(target: string): Promise<Awaited<ReturnType<typeof lstat>> | undefined> {
  try {
    return await lstat(target);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function unusable(target: string, reason: string): AppError {
  return new AppError('RESTORE_TARGET_FAILED', `Cannot restore to "${target}": ${reason}`, {
    path: target,
    reason,
  });
}
