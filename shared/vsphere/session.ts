/**
 * One login to a vCenter or ESXi server, kept alive, opened again when the server forgot it, and closed at the end.
 *
 * A call that meets NotAuthenticated makes the session log in once more (once for all calls that meet it together).
 * Idempotent calls are then sent again; others fail with `VSPHERE_NOT_AUTHENTICATED`, because what their caller relied on
 * (views, filters, page tokens) went with the old session.
 *
 * The keep-alive has its own timer, so long reads of a disk do not starve it: servers end a session after 30 minutes
 * without a call, some administrators set 5.
 */
import { type Clock } from '../base/clock.ts';
import { AppError, hasCode, toAppError } from '../base/errors.ts';
import { type Log } from '../base/log.ts';
import { asRecord, readMoref, readOptionalText, readText } from './fields.ts';
import { moref, type Moref } from './moref.ts';
import { parseServerUrl } from './server-url.ts';
import { type Answer, type ExchangeRequest } from './soap/http-exchange.ts';
import { SoapClient } from './soap/soap-client.ts';

const REQUEST_TIMEOUT_MS = 60_000;
const KEEP_ALIVE_MS = 240_000;
const LOGOUT_TIMEOUT_MS = 5_000;
/** The version that the WSDL subset was written for; newer servers still speak it. */
const NEWEST_VERSION = '7.0.3.0';

export interface ConnectOptions {
  readonly url: string;
  readonly username: string;
  readonly password: string;
  /** SHA-256 of the one certificate to accept; null: the system's authorities decide. */
  readonly fingerprint: string | null;
  readonly log: Log;
  readonly clock: Clock;
  readonly requestTimeoutMs?: number;
  readonly keepAliveMs?: number;
  /** Sees each request before it is sent, without its password. */
  readonly onRequest?: (method: string, envelope: string) => void;
}

export interface CallOptions {
  readonly signal: AbortSignal;
  /** True when sending the call twice does no harm. */
  readonly idempotent: boolean;
  readonly timeoutMs?: number;
}

export interface ServerAbout {
  /** `VirtualCenter` or `HostAgent`. */
  readonly apiType: string;
  readonly apiVersion: string;
  readonly fullName: string;
  /** Null on ESXi. */
  readonly instanceUuid: string | null;
}

/** The server's singletons that we call. */
export interface ServiceContent {
  readonly rootFolder: Moref;
  readonly propertyCollector: Moref;
  readonly viewManager: Moref;
  readonly sessionManager: Moref;
  readonly authorizationManager: Moref;
  readonly searchIndex: Moref;
}

interface Greeting {
  readonly about: ServerAbout;
  readonly content: ServiceContent;
  readonly cookie: string;
}

export class VsphereSession implements AsyncDisposable {
  readonly url: string;
  readonly about: ServerAbout;
  readonly content: ServiceContent;
  readonly fingerprint: string | null;
  readonly clock: Clock;
  readonly log: Log;
  readonly #options: ConnectOptions;
  readonly #client: SoapClient;
  readonly #ended = new AbortController();
  readonly #keepAlive: Disposable;
  #cookie: string;
  #sessionKey = '';
  /** Counts logins, so that calls which fail together cause one. */
  #generation = 0;
  #renewal: Promise<void> | undefined;

  /**
   * Connects and logs in. Whoever gets the session disposes it, which logs out.
   * @throws AppError `AUTH_LOGIN_REFUSED`, `AUTH_CERTIFICATE_UNTRUSTED`, `AUTH_FINGERPRINT_MISMATCH`, `VSPHERE_UNREACHABLE` …
   */
  static async connect(options: ConnectOptions, signal: AbortSignal): Promise<VsphereSession> {
    const url = parseServerUrl(options.url);
    const client = await SoapClient.open({
      url,
      fingerprint: options.fingerprint,
      ...(options.onRequest === undefined ? {} : { onRequest: options.onRequest }),
    });
    try {
      const timeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
      const greeting = await greet(client, timeoutMs, signal);
      client.useVersion(olderVersion(greeting.about.apiVersion, NEWEST_VERSION));
      const session = new VsphereSession(options, client, greeting, url.href);
      try {
        await session.#login(signal);
        return session;
      } catch (error) {
        session.#keepAlive[Symbol.dispose]();
        throw error;
      }
    } catch (error) {
      await client[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(options: ConnectOptions, client: SoapClient, greeting: Greeting, url: string) {
    this.url = url;
    this.about = greeting.about;
    this.content = greeting.content;
    this.fingerprint = options.fingerprint;
    this.clock = options.clock;
    this.log = options.log;
    this.#options = options;
    this.#client = client;
    this.#cookie = greeting.cookie;
    this.#keepAlive = options.clock.every(options.keepAliveMs ?? KEEP_ALIVE_MS, () => void this.#touch());
  }

  /** The session cookie as a header value, `name=value`, for /folder; a secret. Changes when the session is renewed. */
  cookie(): string {
    return this.#cookie;
  }

  /** The server's key of this session, as AuthorizationManager wants it. */
  sessionKey(): string {
    return this.#sessionKey;
  }

  /**
   * One call; the decoded `returnval`.
   * @throws AppError of fault.ts, `VSPHERE_NOT_AUTHENTICATED` when the session was renewed but the call not repeated
   */
  async call(
    method: string,
    args: Readonly<Record<string, unknown>>,
    options: CallOptions,
  ): Promise<unknown> {
    if (this.#ended.signal.aborted) throw closed();
    const generation = this.#generation;
    try {
      return await this.#send(method, args, options);
    } catch (error) {
      if (!hasCode(error, 'VSPHERE_NOT_AUTHENTICATED')) throw error;
      await this.#renew(generation, options.signal);
      if (!options.idempotent) throw error;
      return await this.#send(method, args, options);
    }
  }

  /** Logs in anew when `refused` is still the session's cookie; for those who met HTTP 401 with it. */
  async renewCookie(refused: string, signal: AbortSignal): Promise<void> {
    if (refused === this.#cookie) await this.#renew(this.#generation, signal);
  }

  /** A GET with the session's cookie over its connections; the answer as it is, whatever its status. */
  get(path: string, limits: Pick<ExchangeRequest, 'maxBytes' | 'signal'>): Promise<Answer> {
    const headers = { cookie: this.#cookie };
    const timeoutMs = this.#options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
    return this.#client.get({ path, headers, timeoutMs, ...limits });
  }

  /** Stops the keep-alive, logs out (5 s at most) and closes every connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended.signal.aborted) return;
    this.#keepAlive[Symbol.dispose]();
    this.#ended.abort(closed());
    try {
      const args = { _this: this.content.sessionManager };
      const signal = new AbortController().signal;
      await this.#client.call({
        method: 'Logout',
        args,
        cookie: this.#cookie,
        timeoutMs: LOGOUT_TIMEOUT_MS,
        signal,
      });
    } catch (error) {
      this.log.debug('Logout failed', { error: toAppError(error) });
    } finally {
      await this.#client[Symbol.asyncDispose]();
    }
  }

  async #send(
    method: string,
    args: Readonly<Record<string, unknown>>,
    options: CallOptions,
  ): Promise<unknown> {
    const answer = await this.#client.call({
      method,
      args,
      cookie: this.#cookie,
      timeoutMs: options.timeoutMs ?? this.#options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
      signal: AbortSignal.any([options.signal, this.#ended.signal]),
    });
    return answer.value;
  }

  async #renew(generation: number, signal: AbortSignal): Promise<void> {
    if (generation !== this.#generation) return;
    this.#renewal ??= this.#login(this.#ended.signal).finally(() => (this.#renewal = undefined));
    await untilAborted(this.#renewal, signal);
  }

  async #login(signal: AbortSignal): Promise<void> {
    const { username, password } = this.#options;
    const answer = await this.#client.call({
      method: 'Login',
      args: { _this: this.content.sessionManager, userName: username, password },
      cookie: this.#generation === 0 ? this.#cookie : '',
      timeoutMs: this.#options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
      signal,
    });
    this.#sessionKey = readText(asRecord(answer.value, 'Login'), 'key');
    this.#cookie = answer.cookie ?? this.#cookie;
    this.#generation++;
    this.log.debug('Logged in', { url: this.url, logins: this.#generation });
  }

  async #touch(): Promise<void> {
    try {
      const args = { _this: moref('ServiceInstance', 'ServiceInstance') };
      await this.call('CurrentTime', args, { signal: this.#ended.signal, idempotent: true });
    } catch (error) {
      if (!this.#ended.signal.aborted) this.log.warn('Keep-alive failed', { error: toAppError(error) });
    }
  }
}

function closed(): AppError {
  return new AppError('CANCELLED', 'Session was closed');
}

async function greet(client: SoapClient, timeoutMs: number, signal: AbortSignal): Promise<Greeting> {
  const args = { _this: moref('ServiceInstance', 'ServiceInstance') };
  const answer = await client.call({ method: 'RetrieveServiceContent', args, cookie: '', timeoutMs, signal });
  const content = asRecord(answer.value, 'RetrieveServiceContent');
  const about = asRecord(content['about'], 'about');
  return {
    cookie: answer.cookie ?? '',
    about: {
      apiType: readText(about, 'apiType'),
      apiVersion: readText(about, 'apiVersion'),
      fullName: readText(about, 'fullName'),
      instanceUuid: readOptionalText(about, 'instanceUuid'),
    },
    content: {
      rootFolder: readMoref(content, 'rootFolder'),
      propertyCollector: readMoref(content, 'propertyCollector'),
      viewManager: readMoref(content, 'viewManager'),
      sessionManager: readMoref(content, 'sessionManager'),
      authorizationManager: readMoref(content, 'authorizationManager'),
      searchIndex: readMoref(content, 'searchIndex'),
    },
  };
}

/** The lower of two dotted versions. */
export function olderVersion(a: string, b: string): string {
  const left = a.split('.').map(Number);
  const right = b.split('.').map(Number);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference < 0 ? a : b;
  }
  return a;
}

/** Waits for `work`, which goes on by itself, or rejects as soon as `signal` is aborted. */
async function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(toAppError(signal.reason));
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
