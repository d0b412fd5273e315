/** Speaks shared/contract/routes.ts to the running service of a data folder, found by its endpoint file. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Agent } from 'undici';
import { type z } from 'zod';
import { AppError, systemCode } from '../../shared/base/errors.ts';
import { ENDPOINT_FILE, type EndpointFile, endpointFile, errorReply } from '../../shared/contract/api.ts';
import { type Route, type RouteInput } from '../../shared/contract/routes.ts';
import { parse } from '../../shared/contract/schema.ts';
import { fromWireError } from '../../shared/contract/wire-error.ts';

/** Slow vCenters take minutes for an inventory. */
const ANSWER_TIMEOUT_MS = 10 * 60_000;

interface LooseInput {
  readonly params?: Readonly<Record<string, string | number>>;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
}

/** Owns the connections to one service. Cancelling a call says nothing about whether the service carried it out. */
export class ApiClient implements AsyncDisposable {
  readonly endpoint: EndpointFile;
  readonly #dataDir: string;
  readonly #agent = new Agent({ headersTimeout: ANSWER_TIMEOUT_MS, bodyTimeout: ANSWER_TIMEOUT_MS });

  private constructor(endpoint: EndpointFile, dataDir: string) {
    this.endpoint = endpoint;
    this.#dataDir = dataDir;
  }

  /** @throws AppError `SERVICE_NOT_RUNNING`, or `AUTH_TOKEN_REFUSED` when the file is another user's */
  static async open(dataDir: string): Promise<ApiClient> {
    return new ApiClient(await readEndpoint(dataDir), dataDir);
  }

  /** @throws AppError what the service answered, or `SERVICE_NOT_RUNNING`, `SERVICE_ANSWER_INVALID`, `CANCELLED` */
  async call<R extends Route>(
    route: R,
    input: RouteInput<R>,
    signal: AbortSignal,
  ): Promise<z.output<R['answer']>> {
    const { params = {}, query = {}, body } = input as LooseInput;
    const url = new URL(fillPath(route.path, params), this.endpoint.url);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const { status, text } = await this.#send(route.method, url, body, signal);
    if (status !== route.status) throw refusal(status, text);
    return parse<z.output<R['answer']>>(
      route.answer as z.ZodType<z.output<R['answer']>>,
      parseJson(text),
      'SERVICE_ANSWER_INVALID',
      'the answer of the service',
    );
  }

  async #send(
    method: Route['method'],
    url: URL,
    body: unknown,
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly text: string }> {
    try {
      const answer = await this.#agent.request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method,
        signal,
        headers: {
          authorization: `Bearer ${this.endpoint.token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: body === undefined ? null : JSON.stringify(body),
      });
      return { status: answer.statusCode, text: await answer.body.text() };
    } catch (error) {
      signal.throwIfAborted();
      throw notRunning(this.#dataDir, error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }
}

async function readEndpoint(dataDir: string): Promise<EndpointFile> {
  let text: string;
  try {
    text = await readFile(path.join(dataDir, ENDPOINT_FILE), 'utf8');
  } catch (error) {
    if (systemCode(error) !== 'EACCES') throw notRunning(dataDir, error);
    const message = `Cannot read the endpoint file in "${dataDir}": it belongs to another user`;
    throw new AppError('AUTH_TOKEN_REFUSED', message, { dataDir }, error);
  }
  return parse(endpointFile, parseJson(text), 'SERVICE_ANSWER_INVALID', `the endpoint file in "${dataDir}"`);
}

function notRunning(dataDir: string, cause: unknown): AppError {
  const message = `Cannot reach the service of data folder "${dataDir}": it is not running`;
  return new AppError('SERVICE_NOT_RUNNING', message, { dataDir }, cause);
}

function fillPath(pattern: string, params: Readonly<Record<string, string | number>>): string {
  return pattern.replace(/:(\w+)/g, (_all, name: string) => encodeURIComponent(String(params[name])));
}

function refusal(status: number, text: string): AppError {
  const reply = errorReply.safeParse(parseJson(text));
  if (reply.success) return fromWireError(reply.data.error);
  return new AppError(
    'SERVICE_ANSWER_INVALID',
    `Cannot use the answer of the service: HTTP status ${status}`,
    {
      status,
    },
  );
}

/** Undefined when it is no JSON, which no schema accepts. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
