/** Whether a disk can be restored to a file here, asked before the first byte: folder, name, space. */
import { stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { AppError, systemCode } from '../../shared/base/errors.ts';
import { formatBytes } from '../../shared/base/units.ts';

export interface FileTarget {
  readonly path: string;
  readonly overwrite: boolean;
  /** What will be written; holes take no space. */
  readonly neededBytes: number;
}

/** @throws AppError `USAGE_INVALID`, `RESTORE_TARGET_EXISTS`, `RESTORE_TARGET_FAILED` */
export async function checkFileTarget(target: FileTarget): Promise<void> {
  if (!path.isAbsolute(target.path)) {
    throw new AppError('USAGE_INVALID', `Cannot restore to "${target.path}": the path is not absolute`);
  }
  const folder = path.dirname(target.path);
  if ((await kindOf(folder)) !== 'folder') {
    throw new AppError(
      'RESTORE_TARGET_FAILED',
      `Cannot restore to "${target.path}": there is no folder "${folder}"`,
    );
  }
  const found = await kindOf(target.path);
  if (found === 'folder' || found === 'other') {
    throw new AppError('RESTORE_TARGET_FAILED', `Cannot restore to "${target.path}": it is not a file`);
  }
  if (found === 'file' && !target.overwrite) {
    throw new AppError('RESTORE_TARGET_EXISTS', `Cannot restore to "${target.path}": the file exists`);
  }
  const { bavail, bsize } = await statfs(folder);
  const freeBytes = bavail * bsize;
  if (freeBytes < target.neededBytes) {
    const need = `it needs ${formatBytes(target.neededBytes)}, there is ${formatBytes(freeBytes)}`;
    const facts = { neededBytes: target.neededBytes, freeBytes };
    throw new AppError('RESTORE_TARGET_FAILED', `Cannot restore to "${target.path}": ${need}`, facts);
  }
}

async function kindOf(place: string): Promise<'file' | 'folder' | 'other' | undefined> {
  try {
    const found = await stat(place);
    if (found.isFile()) return 'file';
    return found.isDirectory() ? 'folder' : 'other';
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new AppError('RESTORE_TARGET_FAILED', `Cannot look at "${place}"`, { place }, error);
  }
}
