/** Small files of a datastore (NVRAM, descriptors) over HTTPS with the session's cookie. */
import { AppError, hasCode } from '../base/errors.ts';
import { folderUrl, parseDatastorePath } from './datastore-path.ts';
import { type VsphereSession } from './session.ts';
import { type Answer } from './soap/http-exchange.ts';

export interface SmallFile {
  readonly datacenterPath: string;
  /** `[datastore] folder/file` */
  readonly datastorePath: string;
  /** A larger file is refused. */
  readonly maxBytes: number;
}

/**
 * The whole file.
 * @throws AppError `VSPHERE_FILE_FAULT` when it is missing or too large, `AUTH_NO_PERMISSION`, `VSPHERE_UNREACHABLE` …
 */
export async function readSmallFile(
  session: VsphereSession,
  file: SmallFile,
  signal: AbortSignal,
): Promise<Buffer> {
  const parsed = parseDatastorePath(file.datastorePath);
  if (parsed === undefined) throw refused(file, 'its path has no datastore');
  const url = new URL(folderUrl(session.url, file.datacenterPath, parsed.datastore, parsed.path));
  const get = (): Promise<Answer> => fetchBounded(session, `${url.pathname}${url.search}`, file, signal);
  const cookie = session.cookie();
  let answer = await get();
  if (answer.status === 401) {
    await session.renewCookie(cookie, signal);
    answer = await get();
  }
  if (answer.status === 200) return answer.body;
  throw statusError(file, answer.status);
}

async function fetchBounded(
  session: VsphereSession,
  path: string,
  file: SmallFile,
  signal: AbortSignal,
): Promise<Answer> {
  try {
    return await session.get(path, { maxBytes: file.maxBytes, signal });
  } catch (error) {
    if (hasCode(error, 'VSPHERE_ANSWER_INVALID') && error.facts['maxBytes'] !== undefined) {
      throw refused(file, `it is larger than ${file.maxBytes} bytes`);
    }
    throw error;
  }
}

function statusError(file: SmallFile, status: number): AppError {
  const facts = { file: file.datastorePath, status };
  const text = `Cannot read "${file.datastorePath}": the server answers HTTP ${status}`;
  if (status === 401) return new AppError('VSPHERE_NOT_AUTHENTICATED', text, facts);
  if (status === 403)
    return new AppError(
      'AUTH_NO_PERMISSION',
      `${text} (needs Datastore.Browse and Datastore.FileManagement)`,
      facts,
    );
  if (status >= 502) return new AppError('VSPHERE_UNREACHABLE', text, facts);
  return new AppError('VSPHERE_FILE_FAULT', text, facts);
}

function refused(file: SmallFile, why: string): AppError {
  return new AppError('VSPHERE_FILE_FAULT', `Cannot read "${file.datastorePath}": ${why}`, {
    file: file.datastorePath,
  });
}
