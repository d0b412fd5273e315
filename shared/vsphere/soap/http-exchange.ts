/**
 * One HTTPS exchange with the server, bounded in time and size. Ours instead of soap's own client, because that one puts
 * the whole request, password and all, into its errors, and has no limit on an answer that is unpacked.
 */
import { type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { type Dispatcher } from 'undici';
import { Deadline } from '../../base/abort.ts';
import { AppError, isAppError, systemCode } from '../../base/errors.ts';

export interface ExchangeRequest {
  readonly method: 'GET' | 'POST';
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeoutMs: number;
  /** Largest body that is taken, after unpacking. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly setCookie: readonly string[];
  readonly body: Buffer;
}

/** Network errors of a connection that could not be made, or ended before the answer did. */
const LOST = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/**
 * Sends one request and reads the whole answer; a cancel closes the connection.
 * @throws AppError `VSPHERE_UNREACHABLE`, `VSPHERE_TIMEOUT`, `VSPHERE_ANSWER_INVALID`, the AUTH_ codes of the TLS check,
 *         or the reason of the signal
 */
export async function exchange(pool: Dispatcher, host: string, request: ExchangeRequest): Promise<Answer> {
  const late = new AppError('VSPHERE_TIMEOUT', `Cannot get an answer from "${host}" in time`, {
    host,
    timeoutMs: request.timeoutMs,
  });
  using deadline = new Deadline(request.timeoutMs, late, request.signal);
  try {
    deadline.signal.throwIfAborted();
    const answer = await pool.request({
      method: request.method,
      path: request.path,
      headers: { 'accept-encoding': 'gzip', ...request.headers },
      body: request.body ?? null,
      signal: deadline.signal,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    const isPacked = String(answer.headers['content-encoding'] ?? '').toLowerCase() === 'gzip';
    const body = await readBody(answer.body, isPacked, request.maxBytes);
    return { status: answer.statusCode, setCookie: [answer.headers['set-cookie'] ?? []].flat(), body };
  } catch (error) {
    throw toExchangeError(error, deadline.signal, host);
  }
}

async function readBody(body: Readable, isPacked: boolean, maxBytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  const collect = async (source: AsyncIterable<Buffer>): Promise<void> => {
    for await (const part of source) {
      length += part.length;
      if (length > maxBytes) return;
      parts.push(part);
    }
  };
  try {
    await (isPacked ? pipeline(body, createGunzip(), collect) : pipeline(body, collect));
  } catch (error) {
    // leaving the loop early closes the streams before it, which they report in words of their own
    if (length <= maxBytes) throw error;
  }
  if (length > maxBytes) throw tooLarge(maxBytes);
  return Buffer.concat(parts, length);
}

function tooLarge(maxBytes: number): AppError {
  return new AppError(
    'VSPHERE_ANSWER_INVALID',
    `Cannot take the answer: it is larger than ${maxBytes} bytes`,
    {
      maxBytes,
    },
  );
}

/** Never keeps a request: what is left of the cause are its name, code and message. */
function toExchangeError(error: unknown, signal: AbortSignal, host: string): AppError {
  if (signal.aborted) {
    return isAppError(signal.reason)
      ? signal.reason
      : new AppError('CANCELLED', `Call to "${host}" was cancelled`, { host }, signal.reason);
  }
  if (isAppError(error)) return error;
  const code = systemCode(error) ?? 'unknown';
  const text = error instanceof Error ? error.message : 'unknown failure';
  if (LOST.has(code)) {
    return new AppError(
      'VSPHERE_UNREACHABLE',
      `Cannot reach "${host}": ${text}`,
      { host, reason: code },
      error,
    );
  }
  return new AppError(
    'VSPHERE_ANSWER_INVALID',
    `Cannot read the answer of "${host}": ${text}`,
    { host, reason: code },
    error,
  );
}
