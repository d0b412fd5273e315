/** What the system below a storage says, in our words. */
import { AppError, isAppError, systemCode } from '../base/errors.ts';

const FULL = ['ENOSPC', 'EDQUOT'];
const OFFLINE = ['ESTALE', 'ENODEV', 'ENXIO', 'ENOTCONN', 'EHOSTDOWN', 'EHOSTUNREACH', 'ETIMEDOUT'];

export function readError(error: unknown, location: string, name: string): AppError {
  if (isAppError(error)) return error;
  if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return missing(location, name, error);
  return failure('REPO_READ_FAILED', `Cannot read "${name}" of device "${location}"`, error, location);
}

export function writeError(error: unknown, location: string, name: string): AppError {
  if (isAppError(error)) return error;
  if (systemCode(error) === 'EEXIST') return existing(location, name, error);
  return failure('REPO_WRITE_FAILED', `Cannot write "${name}" to device "${location}"`, error, location);
}

export function missing(location: string, name: string, cause?: unknown): AppError {
  return new AppError(
    'REPO_OBJECT_MISSING',
    `Cannot find "${name}" on device "${location}"`,
    { location, name },
    cause,
  );
}

export function existing(location: string, name: string, cause?: unknown): AppError {
  return new AppError(
    'REPO_OBJECT_EXISTS',
    `Cannot write "${name}" to device "${location}": it is there already`,
    { location, name },
    cause,
  );
}

export function tooLarge(
  location: string,
  name: string,
  sizes: { lengthBytes: number; maxBytes: number },
): AppError {
  return new AppError(
    'FORMAT_INVALID',
    `Cannot use "${name}" of device "${location}": it has ${sizes.lengthBytes} bytes`,
    { location, name, ...sizes },
  );
}

function failure(
  code: 'REPO_READ_FAILED' | 'REPO_WRITE_FAILED',
  what: string,
  error: unknown,
  location: string,
): AppError {
  const system = systemCode(error);
  const facts = { location, system: system ?? null };
  if (system !== undefined && FULL.includes(system)) {
    return new AppError('DEVICE_FULL', `${what}: no space is left`, facts, error);
  }
  if (system !== undefined && OFFLINE.includes(system)) {
    return new AppError('DEVICE_OFFLINE', `${what}: the device does not answer (${system})`, facts, error);
  }
  return new AppError(code, `${what}: ${system ?? String(error)}`, facts, error);
}
