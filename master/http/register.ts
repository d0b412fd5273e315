/**
 * One route of shared/contract/routes.ts on fastify: params, query and body are parsed before the service sees them, and the
 * answer is parsed before it leaves, which cuts off whatever the contract does not name.
 */
import { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { type z } from 'zod';
import { type Route, type RouteRequest } from '../../shared/contract/routes.ts';
import { parse } from '../../shared/contract/schema.ts';

export type RunRoute<R extends Route> = (
  request: RouteRequest<R>,
  /** Aborted when the caller goes away or the service stops. */
  signal: AbortSignal,
) => Promise<z.input<R['answer']>>;

/** Binds routes to one fastify instance; `stopping` ends what still waits when the service stops. */
export class RouteTable {
  readonly #fastify: FastifyInstance;
  readonly #stopping: AbortSignal;

  constructor(fastify: FastifyInstance, stopping: AbortSignal) {
    this.#fastify = fastify;
    this.#stopping = stopping;
  }

  on<R extends Route>(route: R, run: RunRoute<R>): void {
    this.#fastify.route({
      method: route.method,
      url: route.path,
      handler: (request, reply) => this.#answer(route, run, request, reply),
    });
  }

  async #answer<R extends Route>(
    route: R,
    run: RunRoute<R>,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<unknown> {
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort(new DOMException('The caller went away', 'AbortError')));
    const answer = await run(parseRequest(route, request), AbortSignal.any([gone.signal, this.#stopping]));
    reply.status(route.status);
    return parse(route.answer, answer, 'BUG_INVARIANT', `the answer of ${route.method} ${route.path}`);
  }
}

function parseRequest<R extends Route>(route: R, request: FastifyRequest): RouteRequest<R> {
  return {
    params: part<R['params']>(route.params, request.params, 'what is named'),
    query: part<R['query']>(route.query, request.query, 'the query'),
    body: part<R['body']>(route.body, request.body ?? {}, 'the request'),
  };
}

/** A part that the route does not have is `undefined`, whatever the caller sent there. */
function part<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  const given = schema.def.type === 'undefined' ? undefined : value;
  return parse<z.output<S>>(schema as z.ZodType<z.output<S>>, given, 'USAGE_INVALID', what);
}
