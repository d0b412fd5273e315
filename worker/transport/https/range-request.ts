/**
 * One Range GET straight into the caller's memory. What the server answered is a value, because the caller decides which
 * answers deserve another try; only a cancel or a certificate that is not the right one is thrown.
 *
 * Bytes are copied once, from the TLS record into place. After the promise has settled nothing more is written to `into`, even
 * if the connection still delivers.
 */
import { type Dispatcher } from 'undici';
import { type Deferred, deferred } from '../../../shared/base/async.ts';
import { isAppError } from '../../../shared/base/errors.ts';

export interface RangeRequest {
  /** Path and query. */
  readonly path: string;
  readonly cookie: string;
  readonly offset: number;
  readonly into: Uint8Array;
  /** Whether a file that ends before `into` is full is fine. */
  readonly mayEnd: boolean;
  readonly signal: AbortSignal | undefined;
}

export type RangeOutcome =
  /** `into` holds `lengthBytes` bytes of a file of `totalBytes`. */
  | { readonly kind: 'done'; readonly lengthBytes: number; readonly totalBytes: number }
  | { readonly kind: 'status'; readonly status: number }
  /** The body ended early, or the connection did. */
  | { readonly kind: 'short'; readonly reason: string; readonly cause?: unknown }
  /** The server sent something else than it was asked for. */
  | { readonly kind: 'wrong'; readonly reason: string };

const PARTIAL_CONTENT = 206;
const CONTENT_RANGE = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16})$/;

/** @throws the signal's reason; AppError `AUTH_FINGERPRINT_MISMATCH`, `AUTH_CERTIFICATE_UNTRUSTED` */
export async function fetchRange(pool: Dispatcher, request: RangeRequest): Promise<RangeOutcome> {
  request.signal?.throwIfAborted();
  const outcome = deferred<RangeOutcome>();
  const receiver = new RangeReceiver(request, outcome);
  const cancel = (): void => receiver.cancel(request.signal?.reason);
  request.signal?.addEventListener('abort', cancel, { once: true });
  const last = request.offset + request.into.length - 1;
  const headers = { cookie: request.cookie, range: `bytes=${request.offset}-${last}` };
  try {
    pool.dispatch({ method: 'GET', path: request.path, headers }, receiver);
    return await outcome.promise;
  } finally {
    request.signal?.removeEventListener('abort', cancel);
  }
}

class RangeReceiver implements Dispatcher.DispatchHandler {
  readonly #request: RangeRequest;
  readonly #outcome: Deferred<RangeOutcome>;
  #controller: Dispatcher.DispatchController | undefined;
  #settled = false;
  #expected = 0;
  #received = 0;
  #totalBytes = 0;

  constructor(request: RangeRequest, outcome: Deferred<RangeOutcome>) {
    this.#request = request;
    this.#outcome = outcome;
  }

  cancel(reason: unknown): void {
    this.#settled = true;
    this.#outcome.reject(reason);
    this.#controller?.abort(new Error('Request was cancelled'));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#settled) controller.abort(new Error('Request was cancelled'));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    if (status !== PARTIAL_CONTENT) {
      this.#end({ kind: 'status', status });
      return;
    }
    const text = String(headers['content-range']);
    const range = headers['content-encoding'] === undefined ? parseContentRange(text) : undefined;
    const { offset, into } = this.#request;
    if (range === undefined || !this.#isWanted(range)) {
      const wanted = `${into.length} bytes from byte ${offset} on`;
      this.#end({ kind: 'wrong', reason: `it sent the range "${text}" instead of ${wanted}` });
      return;
    }
    this.#expected = range.length;
    this.#totalBytes = range.total;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled) return;
    if (this.#received + chunk.length > this.#expected) {
      this.#end({ kind: 'wrong', reason: `it sent more than ${this.#expected} bytes` });
      return;
    }
    this.#request.into.set(chunk, this.#received);
    this.#received += chunk.length;
  }

  onResponseEnd(): void {
    if (this.#received === this.#expected) {
      this.#end({ kind: 'done', lengthBytes: this.#received, totalBytes: this.#totalBytes });
    } else {
      this.#end({ kind: 'short', reason: `it sent ${this.#received} of ${this.#expected} bytes` });
    }
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#settled) return;
    this.#settled = true;
    if (isAppError(error)) this.#outcome.reject(error);
    else this.#outcome.resolve({ kind: 'short', reason: error.message, cause: error });
  }

  #isWanted(range: ContentRange): boolean {
    const { offset, into, mayEnd } = this.#request;
    if (range.start !== offset || range.length <= 0 || range.length > into.length) return false;
    return range.length === into.length || (mayEnd && range.start + range.length === range.total);
  }

  #end(outcome: RangeOutcome): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#outcome.resolve(outcome);
    if (outcome.kind !== 'done') this.#controller?.abort(new Error('Answer is not wanted'));
  }
}

interface ContentRange {
  readonly start: number;
  readonly length: number;
  readonly total: number;
}

function parseContentRange(text: string): ContentRange | undefined {
  const [, first, last, total] = CONTENT_RANGE.exec(text) ?? [];
  if (first === undefined || last === undefined || total === undefined) return undefined;
  return { start: Number(first), length: Number(last) - Number(first) + 1, total: Number(total) };
}
