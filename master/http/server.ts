/**
 * The HTTP API on loopback: fastify, the token, the limits and the way it stops. What the routes do is in routes.ts.
 */
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { type Clock } from '../../shared/base/clock.ts';
import { type ErrorCode } from '../../shared/base/error-table.ts';
import { AppError } from '../../shared/base/errors.ts';
import { describeError, type Log, type LogFields } from '../../shared/base/log.ts';
import { MiB } from '../../shared/base/units.ts';
import { type Services } from '../services.ts';
import { tokenRefusal } from './auth.ts';
import { replyTo } from './error-reply.ts';
import { RouteTable } from './register.ts';
import { registerRoutes } from './routes.ts';

const HOST = '127.0.0.1';
const MAX_BODY_BYTES = MiB;
/** A request must be here as a whole by then; the answer may take longer (long polls, slow servers). */
const REQUEST_TIMEOUT_MS = 30_000;
/** Answers that are due get away in that time; a connection that never sent anything would hold the stop up for longer. */
const CLOSE_GRACE_MS = 1_000;

export interface HttpOptions {
  readonly services: Services;
  readonly token: string;
  readonly log: Log;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly clock: Clock;
}

/** Owns the listening socket; disposing it answers what still waits with `SERVICE_STOPPING` and closes. */
export class HttpServer implements AsyncDisposable {
  readonly #fastify: FastifyInstance;
  readonly #stopping: AbortController;
  readonly #clock: Clock;
  /** `http://127.0.0.1:PORT` */
  readonly url: string;

  private constructor(instance: FastifyInstance, stopping: AbortController, clock: Clock, url: string) {
    this.#fastify = instance;
    this.#stopping = stopping;
    this.#clock = clock;
    this.url = url;
  }

  /** @throws AppError `CONFIG_INVALID` when the port is taken */
  static async open(options: HttpOptions): Promise<HttpServer> {
    const stopping = new AbortController();
    const instance = buildHttp(options, stopping.signal);
    try {
      const url = await instance.listen({ host: HOST, port: options.port });
      return new HttpServer(instance, stopping, options.clock, url);
    } catch (error) {
      await instance.close();
      throw new AppError(
        'CONFIG_INVALID',
        `Cannot listen on ${HOST}:${options.port}`,
        { port: options.port },
        error,
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new AppError('SERVICE_STOPPING', 'Cannot go on: the service stops'));
    const closed = new AbortController();
    const cut = this.#clock.sleep(CLOSE_GRACE_MS, closed.signal).then(
      () => this.#fastify.server.closeAllConnections(),
      () => undefined,
    );
    await this.#fastify.close();
    closed.abort();
    await cut;
  }
}

/** The routes without a socket. */
export function buildHttp(
  options: Omit<HttpOptions, 'port' | 'clock'>,
  stopping: AbortSignal,
): FastifyInstance {
  const instance = fastify({
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
  });
  instance.addHook('onRequest', (request, _reply, done) => {
    done(tokenRefusal(request.headers.authorization, options.token));
  });
  instance.setErrorHandler((error, request, reply) => {
    const { status, body } = replyTo(error);
    logFailure(options.log, body.error.code, { ...routeOf(request), error: describeError(error) });
    void reply.status(status).send(body);
  });
  instance.setNotFoundHandler((request, reply) => {
    const where = `${request.method} ${request.url.split('?', 1)[0] ?? ''}`;
    const { status, body } = replyTo(new AppError('USAGE_NOT_FOUND', `Cannot find the route ${where}`));
    void reply.status(status).send(body);
  });
  registerRoutes(new RouteTable(instance, stopping), options.services);
  return instance;
}

function routeOf(request: FastifyRequest): LogFields {
  return { method: request.method, route: request.routeOptions.url };
}

/** A refusal is the caller's business; only a bug of ours belongs into the service's log by default. */
function logFailure(log: Log, code: ErrorCode, fields: LogFields): void {
  if (code.startsWith('BUG_')) log.error('request failed', fields);
  else log.debug('request refused', fields);
}
