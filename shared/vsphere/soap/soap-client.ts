/**
 * SOAP calls over one pool of pinned connections. npm soap makes the envelopes and reads the answers by our WSDL
 * subset; the exchange itself is ours (http-exchange.ts). It keeps no state between calls but the connections: the
 * cookie goes in with each call and comes out with its own answer, so calls may run side by side.
 *
 * soap keeps the last request, and puts requests into errors: both are wiped here, or a password would stay.
 */
import { fileURLToPath } from 'node:url';
import { type Client, type IHttpClient } from 'soap';
import { Pool } from 'undici';
import { AppError, isAppError } from '../../base/errors.ts';
import { MiB } from '../../base/units.ts';
import { faultToError, readSoapFault } from '../fault.ts';
import { type Answer, exchange, type ExchangeRequest } from './http-exchange.ts';
import { tlsOptionsFor } from '../tls-pin.ts';
import { readTypeTable, type TypeTable } from './type-table.ts';
import { decodeValue, deserializers, encodeValue } from './typed-values.ts';

/** Ten pages of the largest inventory fit twice; the largest honest answer seen is 16 MB. */
const MAX_ANSWER_BYTES = 64 * MiB;
const CONNECTIONS = 8;
/** The oldest version that every supported server (6.5 and newer) understands; raised after RetrieveServiceContent. */
const FIRST_VERSION = '6.5';

export interface SoapClientOptions {
  /** Of the form `https://host[:port]/sdk`. */
  readonly url: URL;
  readonly fingerprint: string | null;
  /** Sees each request before it is sent, without its password. */
  readonly onRequest?: (method: string, envelope: string) => void;
}

export interface SoapCall {
  readonly method: string;
  readonly args: Readonly<Record<string, unknown>>;
  /** `vmware_soap_session=…`, or empty before a login. */
  readonly cookie: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface SoapAnswer {
  /** The decoded `returnval`; undefined when the method returns nothing. */
  readonly value: unknown;
  /** The session cookie, when this answer sets one. */
  readonly cookie: string | undefined;
}

type Invoke = (args: unknown, options: object, headers: object) => Promise<readonly unknown[]>;

/** What travels with one call through soap to our exchange, and back. */
interface Passage {
  readonly call: SoapCall;
  answer?: Answer;
}

export class SoapClient implements AsyncDisposable {
  readonly #client: Client;
  readonly #types: TypeTable;
  readonly #pool: Pool;
  readonly #host: string;
  #version = FIRST_VERSION;

  /** Loads soap and the WSDL (0.25 s the first time); connects with the first call. */
  static async open(options: SoapClientOptions): Promise<SoapClient> {
    const soap = await import('soap');
    const pool = new Pool(options.url.origin, {
      connections: CONNECTIONS,
      keepAliveTimeout: 10_000,
      ...tlsOptionsFor(options.fingerprint),
    });
    const client = await soap.createClientAsync(fileURLToPath(new URL('./vim25.wsdl', import.meta.url)), {
      endpoint: options.url.href,
      attributesKey: '$attributes',
      preserveWhitespace: true,
      customDeserializer: deserializers,
      httpClient: httpClientOver(pool, options),
    });
    return new SoapClient(client, pool, options.url.host);
  }

  private constructor(client: Client, pool: Pool, host: string) {
    this.#client = client;
    this.#types = readTypeTable(client.wsdl);
    this.#pool = pool;
    this.#host = host;
  }

  /** From now on the server is asked to answer as this API version does. */
  useVersion(version: string): void {
    this.#version = version;
  }

  /**
   * One call.
   * @throws AppError for faults (fault.ts), for answers that are none (`VSPHERE_ANSWER_INVALID`), and those of `exchange`
   */
  async call(call: SoapCall): Promise<SoapAnswer> {
    const invoke = this.#client[`${call.method}Async`] as Invoke | undefined;
    const type = this.#types.requestTypeOf(call.method);
    if (invoke === undefined || type === undefined) {
      throw new AppError('BUG_INVARIANT', `Broken invariant: the WSDL has no method "${call.method}"`);
    }
    const args = encodeValue(call.args, type, this.#types);
    const passage: Passage = { call };
    const headers = {
      SOAPAction: `"urn:vim25/${this.#version}"`,
      ...(call.cookie === '' ? {} : { Cookie: call.cookie }),
    };
    try {
      const [result] = await invoke(args, { passage }, headers);
      const fields = (decodeValue(result) ?? {}) as Readonly<Record<string, unknown>>;
      return { value: fields['returnval'], cookie: sessionCookie(passage.answer) };
    } catch (error) {
      throw toCallError(error, call, passage.answer);
    } finally {
      forgetLast(this.#client);
    }
  }

  /** A plain GET over the same connections, for datastore files. */
  get(request: Omit<ExchangeRequest, 'method' | 'body'>): Promise<Answer> {
    return exchange(this.#pool, this.#host, { ...request, method: 'GET' });
  }

  /** Ends calls that still run. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy();
  }
}

/** soap's port for an HTTP client. What `request` returns is looked at by nobody; the answer goes to the callback. */
function httpClientOver(pool: Pool, options: SoapClientOptions): IHttpClient {
  return {
    request(...[, envelope, callback, headers, passing]) {
      const { passage } = passing as { readonly passage: Passage };
      const text = String(envelope);
      options.onRequest?.(passage.call.method, withoutPassword(text));
      void post(pool, options.url, passage, { body: text, headers: headers as Record<string, string> }).then(
        (answer) => callback(null, { status: answer.status, headers: {} }, answer.text) as unknown,
        (error: unknown) => callback(error) as unknown,
      );
      return new Promise<never>(() => undefined);
    },
  };
}

/** The answer to one envelope as text that may be a vSphere answer. */
async function post(
  pool: Pool,
  url: URL,
  passage: Passage,
  request: Pick<ExchangeRequest, 'headers'> & { readonly body: string },
): Promise<{ status: number; text: string }> {
  const { method, timeoutMs, signal } = passage.call;
  const limits = { timeoutMs, signal, maxBytes: MAX_ANSWER_BYTES };
  passage.answer = await exchange(pool, url.host, {
    ...request,
    ...limits,
    method: 'POST',
    path: url.pathname,
  });
  const { status, body } = passage.answer;
  const text = body.toString('utf8');
  const why = whyNoAnswer(text, method, status);
  if (why === undefined) return { status, text };
  throw new AppError(
    'VSPHERE_ANSWER_INVALID',
    `Cannot read the answer to "${method}": ${why} (HTTP ${status})`,
    {
      method,
      status,
    },
  );
}

/** soap takes an empty body for a success and skips a DTD in silence, so both are refused before it reads. */
function whyNoAnswer(text: string, method: string, status: number): string | undefined {
  if (text.trim() === '') return 'it is empty';
  if (text.includes('<!DOCTYPE') || text.includes('<!ENTITY')) return 'it is a page, or holds a DTD';
  if (!/<(?:[\w.-]+:)?Envelope[\s>]/.test(text.slice(0, 4096))) return 'it is no SOAP';
  const isOther = status === 200 && !new RegExp(`<(?:[\\w.-]+:)?${method}Response[\\s/>]`).test(text);
  return isOther ? 'it answers something else' : undefined;
}

function toCallError(error: unknown, call: SoapCall, answer: Answer | undefined): AppError {
  if (isAppError(error)) return error;
  const fault = soapFaultOf(error);
  if (fault !== undefined) return faultToError(fault, `call "${call.method}"${objectOf(call.args)}`);
  return new AppError(
    'VSPHERE_ANSWER_INVALID',
    `Cannot read the answer to "${call.method}": it is not well-formed`,
    {
      method: call.method,
      status: answer?.status ?? null,
    },
  );
}

function soapFaultOf(error: unknown): ReturnType<typeof readSoapFault> | undefined {
  const root = (error as { root?: { Envelope?: { Body?: { Fault?: unknown } } } } | null)?.root;
  const raw = root?.Envelope?.Body?.Fault;
  if (typeof raw !== 'object' || raw === null) return undefined;
  const fault = decodeValue(raw) as Readonly<Record<string, unknown>>;
  return readSoapFault(fault['detail'], typeof fault['faultstring'] === 'string' ? fault['faultstring'] : '');
}

function objectOf(args: SoapCall['args']): string {
  const target = args['_this'] as { value?: unknown } | undefined;
  return typeof target?.value === 'string' ? ` on "${target.value}"` : '';
}

function sessionCookie(answer: Answer | undefined): string | undefined {
  const cookies = (answer?.setCookie ?? []).map((line) => line.split(';', 1)[0] ?? '');
  return cookies.find((cookie) => cookie.startsWith('vmware_soap_session='));
}

function withoutPassword(envelope: string): string {
  return envelope.replace(/(<(?:[\w.-]+:)?password(?:\s[^>]*)?>)[^<]*/g, '$1[redacted]');
}

function forgetLast(client: Client): void {
  client.lastRequest = '';
  client.lastMessage = '';
  client.lastResponse = undefined;
}
