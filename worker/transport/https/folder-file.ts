/**
 * Reading ranges of one file under `/folder`, patiently: a session that ended is renewed once, a server that is busy, a cut
 * connection and a body that ends early are tried again with growing pauses, anything else is told at once.
 */
import { type Dispatcher } from 'undici';
import { type Clock } from '../../../shared/base/clock.ts';
import { type ErrorCode } from '../../../shared/base/error-table.ts';
import { AppError } from '../../../shared/base/errors.ts';
import { type Log } from '../../../shared/base/log.ts';
import { moref } from '../../../shared/vsphere/moref.ts';
import { type RangeOutcome, fetchRange } from './range-request.ts';

/** What this transport needs of a vSphere session. */
export interface FolderSession {
  readonly url: string;
  /** Of the certificate to accept; null: the system's authorities decide. */
  readonly fingerprint: string | null;
  /** A header value; another one after the session was renewed. */
  cookie(): string;
  /** One call; an idempotent one renews an ended session and is sent again. */
  call(
    method: string,
    args: Readonly<Record<string, unknown>>,
    options: { readonly signal: AbortSignal; readonly idempotent: boolean },
  ): Promise<unknown>;
}

export interface FolderFile {
  readonly pool: Dispatcher;
  readonly session: FolderSession;
  readonly clock: Clock;
  readonly log: Log;
  /** Path and query under the server. */
  readonly path: string;
  /** `[datastore] folder/file`, for messages. */
  readonly name: string;
}

export interface FileRange {
  readonly offset: number;
  readonly into: Uint8Array;
  /** Whether a file that ends before `into` is full is fine. */
  readonly mayEnd?: boolean;
}

/** Pauses of 0.5, 1, 2, 4 and 8 s: a host that restarts its web service is back by then. */
const ATTEMPTS = 6;
const FIRST_PAUSE_MS = 500;
const OVERLOADED = new Set([408, 429]);

/**
 * Reads one range.
 * @returns bytes read, and the length of the file
 * @throws AppError `TRANSPORT_SHORT_READ`, `TRANSPORT_FAILED`, `AUTH_NO_PERMISSION`, `VSPHERE_NOT_AUTHENTICATED`, what renewing the
 *   session throws, or the signal's reason
 */
export async function readRange(
  file: FolderFile,
  range: FileRange,
  signal?: AbortSignal,
): Promise<{ lengthBytes: number; totalBytes: number }> {
  let renewed = false;
  for (let attempt = 1; ;) {
    const cookie = file.session.cookie();
    const request = { path: file.path, cookie, mayEnd: false, ...range, signal };
    const outcome = await fetchRange(file.pool, request);
    if (outcome.kind === 'done') return outcome;
    if (isUnauthorized(outcome) && !renewed) {
      renewed = true;
      await renew(file.session, cookie, signal);
      continue;
    }
    if (!isWorthAnother(outcome) || attempt >= ATTEMPTS) throw failureOf(file, range, outcome);
    const pauseMs = FIRST_PAUSE_MS * 2 ** (attempt - 1);
    file.log.warn('Read is tried again', {
      file: file.name,
      offset: range.offset,
      attempt,
      pauseMs,
      ...factsOf(outcome),
    });
    await file.clock.sleep(pauseMs, signal);
    attempt++;
  }
}

type Failure = Exclude<RangeOutcome, { kind: 'done' }>;

const isUnauthorized = (outcome: Failure): boolean => outcome.kind === 'status' && outcome.status === 401;

/** Reads that fail together renew the session once: whoever comes later sees another cookie. */
async function renew(session: FolderSession, cookie: string, signal?: AbortSignal): Promise<void> {
  if (session.cookie() !== cookie) return;
  const args = { _this: moref('ServiceInstance', 'ServiceInstance') };
  await session.call('CurrentTime', args, {
    signal: signal ?? new AbortController().signal,
    idempotent: true,
  });
}

function isWorthAnother(outcome: Failure): boolean {
  if (outcome.kind === 'status') return outcome.status >= 500 || OVERLOADED.has(outcome.status);
  return true;
}

function failureOf(file: FolderFile, range: FileRange, outcome: Failure): AppError {
  const facts = { file: file.name, offset: range.offset, length: range.into.length, ...factsOf(outcome) };
  const reason = outcome.kind === 'status' ? statusText(outcome.status) : outcome.reason;
  const cause = outcome.kind === 'short' ? outcome.cause : undefined;
  return new AppError(
    codeOf(outcome),
    `Cannot read "${file.name}" at byte ${range.offset}: ${reason}`,
    facts,
    cause,
  );
}

function codeOf(outcome: Failure): ErrorCode {
  if (outcome.kind === 'short') return 'TRANSPORT_SHORT_READ';
  if (outcome.kind === 'wrong') return 'TRANSPORT_FAILED';
  return statusCodes.get(outcome.status) ?? 'TRANSPORT_FAILED';
}

const statusCodes = new Map<number, ErrorCode>([
  [401, 'VSPHERE_NOT_AUTHENTICATED'],
  [403, 'AUTH_NO_PERMISSION'],
  [416, 'TRANSPORT_SHORT_READ'],
]);

function statusText(status: number): string {
  if (status === 200) return 'the server ignores the range';
  if (status === 403) return 'the account may not read files of the datastore';
  if (status === 416) return 'the file ends before it';
  return `the server answers HTTP ${status}`;
}

function factsOf(outcome: Failure): Readonly<Record<string, string | number>> {
  return outcome.kind === 'status' ? { status: outcome.status } : { reason: outcome.reason };
}
