/**
 * Who may call: whoever can read the data folder. The token is made anew at every start and stands in the endpoint file
 * (endpoint.ts), which only the service's user can read.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { AppError } from '../../shared/base/errors.ts';

const TOKEN_BYTES = 32;
const BEARER = /^Bearer ([\x21-\x7e]{1,256})$/;

export function newToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

/**
 * Why the request is refused, or undefined when `header`, its `Authorization` field, holds the token. How long that takes does
 * not depend on how much of the token was right.
 */
export function tokenRefusal(header: string | undefined, token: string): AppError | undefined {
  const given = BEARER.exec(header ?? '')?.[1] ?? '';
  if (timingSafeEqual(sha256(given), sha256(token))) return undefined;
  return new AppError(
    'AUTH_TOKEN_REFUSED',
    'Cannot accept the request: its token is not the one of this service',
  );
}

/** Equal lengths for the comparison, whatever was sent. */
function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
