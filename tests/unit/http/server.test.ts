import { assert } from 'chai';
import { type FastifyInstance } from 'fastify';
import { buildHttp, HttpServer } from '../../../master/http/server.ts';
import { deferred } from '../../../shared/base/async.ts';
import { systemClock } from '../../../shared/base/clock.ts';
import { silentLog } from '../../../shared/base/log.ts';
import { AppError } from '../../../shared/base/errors.ts';
import { errorReply } from '../../../shared/contract/api.ts';
import { routes } from '../../../shared/contract/routes.ts';
import { aRun, type FakeCore, fakeCore } from '../../support/fake-services.ts';

const token = 'the-token-of-this-start';
const authorization = `Bearer ${token}`;

function open(core: FakeCore, stopping = new AbortController().signal): FastifyInstance {
  return buildHttp({ services: core.services, token, log: silentLog }, stopping);
}

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

async function call(http: FastifyInstance, method: Method, url: string, payload?: object) {
  const answer = await http.inject({
    method,
    url,
    headers: { authorization },
    ...(payload ? { payload } : {}),
  });
  return { status: answer.statusCode, body: answer.json<Record<string, unknown>>(), text: answer.body };
}

const job = { name: 'nightly', server: 'vc1', vmPatterns: ['db*'], devices: ['disk1'] };

describe('buildHttp', () => {
  let core: FakeCore;
  let http: FastifyInstance;
  beforeEach(() => {
    core = fakeCore();
    http = open(core);
  });
  afterEach(() => http.close());

  const refused: readonly (readonly [string, Record<string, string>])[] = [
    ['no token', {}],
    ['another token', { authorization: 'Bearer the-token-of-another-one' }],
    ['a beginning of the token', { authorization: `Bearer ${token.slice(0, 8)}` }],
    ['another scheme', { authorization: `Basic ${token}` }],
    ['an empty token', { authorization: 'Bearer ' }],
  ];
  for (const [what, headers] of refused) {
    it(`refuses a request with ${what}`, async () => {
      const answer = await http.inject({ method: 'GET', url: '/v1/health', headers });
      assert.equal(answer.statusCode, 401);
      assert.equal(errorReply.parse(answer.json()).error.code, 'AUTH_TOKEN_REFUSED');
    });
  }

  it('asks for the token before it says which routes there are', async () => {
    assert.equal((await http.inject({ method: 'GET', url: '/v1/nothing' })).statusCode, 401);
    assert.equal((await call(http, 'GET', '/v1/nothing')).status, 404);
  });

  it('serves every route of the contract', () => {
    for (const route of Object.values(routes)) {
      assert.isTrue(
        http.hasRoute({ method: route.method, url: route.path }),
        `${route.method} ${route.path}`,
      );
    }
  });

  it('cuts off what the contract does not name, such as a password', async () => {
    const body = {
      name: 'vc1',
      url: 'https://vc1/sdk',
      username: 'u',
      password: 'very secret',
      fingerprint: null,
    };
    const answer = await call(http, 'POST', '/v1/servers', body);
    assert.equal(answer.status, 201);
    assert.notInclude(answer.text, 'very secret');
    assert.notInclude((await call(http, 'GET', '/v1/servers')).text, 'very secret');
  });

  it('fills in the defaults of the contract', async () => {
    const answer = await call(http, 'POST', '/v1/jobs', job);
    assert.equal(answer.status, 201);
    assert.equal(answer.body['maxParallelStreams'], 1);
  });

  it('names every fault of a body', async () => {
    const answer = await call(http, 'POST', '/v1/jobs', {
      ...job,
      vmPatterns: [],
      maxParallelStreams: 0,
      colour: 'red',
    });
    assert.equal(answer.status, 400);
    const { error, help } = errorReply.parse(answer.body);
    assert.equal(error.code, 'USAGE_INVALID');
    for (const name of ['vmPatterns', 'maxParallelStreams', 'colour']) assert.include(error.message, name);
    assert.isNotEmpty(help);
  });

  const broken: readonly (readonly [string, string, Record<string, string>, number])[] = [
    ['a body that is no JSON', '{"name":', { 'content-type': 'application/json' }, 400],
    ['another media type', 'name=nightly', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
    [
      'a body above 1 MiB',
      JSON.stringify({ name: 'x'.repeat(1 << 20) }),
      { 'content-type': 'application/json' },
      413,
    ],
  ];
  for (const [what, payload, headers, status] of broken) {
    it(`refuses ${what}`, async () => {
      const answer = await http.inject({
        method: 'POST',
        url: '/v1/jobs',
        headers: { authorization, ...headers },
        payload,
      });
      assert.equal(answer.statusCode, status);
      assert.equal(errorReply.parse(answer.json()).error.code, 'USAGE_INVALID');
    });
  }

  it('answers an AppError with the status of its table row, its facts and its cause', async () => {
    const cause = new AppError('VSPHERE_TIMEOUT', 'Login took longer than 5 ms', { timeoutMs: 5 });
    core.services.servers.list = () =>
      Promise.reject(
        new AppError('VSPHERE_UNREACHABLE', 'Cannot reach "vc1"', { server: 'vc1', password: 'x' }, cause),
      );
    const answer = await call(http, 'GET', '/v1/servers');
    assert.equal(answer.status, 502);
    const { error } = errorReply.parse(answer.body);
    assert.deepInclude(error, {
      code: 'VSPHERE_UNREACHABLE',
      facts: { server: 'vc1', password: '[redacted]' },
    });
    assert.equal(error.cause?.code, 'VSPHERE_TIMEOUT');
  });

  it('answers an unknown failure as a bug, without its stack', async () => {
    core.services.devices.list = () => Promise.reject(new TypeError('x is undefined'));
    const answer = await call(http, 'GET', '/v1/devices');
    assert.equal(answer.status, 500);
    assert.equal(errorReply.parse(answer.body).error.code, 'BUG_UNEXPECTED');
    assert.notInclude(answer.text, 'server.test.ts');
  });

  it('does not let out an answer that breaks the contract', async () => {
    core.services.runs.show = () => Promise.resolve(aRun({ runId: -1 }));
    const answer = await call(http, 'GET', '/v1/runs/12');
    assert.equal(answer.status, 500);
    assert.equal(errorReply.parse(answer.body).error.code, 'BUG_INVARIANT');
  });

  for (const url of [
    '/v1/runs/abc',
    '/v1/runs/0',
    '/v1/runs/12?waitMs=99999999',
    '/v1/points/no-hex',
    '/v1/jobs/a%20b',
  ]) {
    it(`refuses GET ${url}`, async () => {
      assert.equal((await call(http, 'GET', url)).status, 400);
    });
  }

  it('shows a run at once, and waits for a change only when asked to', async () => {
    const waited: number[][] = [];
    core.services.runs.wait = (id, after, waitMs) => {
      waited.push([id, after, waitMs]);
      return Promise.resolve(aRun());
    };
    await call(http, 'GET', '/v1/runs/12');
    await call(http, 'GET', '/v1/runs/12?after=5&waitMs=0');
    assert.deepEqual(waited, []);
    await call(http, 'GET', '/v1/runs/12?after=5&waitMs=900');
    assert.deepEqual(waited, [[12, 5, 900]]);
  });

  it('hands on what a call names', async () => {
    await call(http, 'POST', '/v1/jobs', job);
    assert.equal((await call(http, 'POST', '/v1/jobs/nightly/run', { type: 'full' })).status, 202);
    await call(http, 'POST', '/v1/jobs/nightly/run');
    await call(http, 'POST', '/v1/runs/12/cancel');
    assert.deepEqual(core.calls.slice(1), [
      'jobs.run {"name":"nightly","type":"full"}',
      'jobs.run {"name":"nightly"}',
      'runs.cancel 12',
    ]);
    assert.deepEqual((await call(http, 'DELETE', '/v1/jobs/nightly')).body, {});
    assert.equal((await call(http, 'GET', '/v1/jobs/nightly')).status, 404);
  });
});

describe('HttpServer', () => {
  it('listens on loopback, and ends a long poll with SERVICE_STOPPING when it is disposed', async () => {
    const core = fakeCore();
    const polled = deferred<undefined>();
    core.services.runs.wait = (_id, _after, _waitMs, signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve(aRun()), { once: true });
        polled.resolve(undefined);
      });
    const server = await HttpServer.open({
      services: core.services,
      token,
      log: silentLog,
      port: 0,
      clock: systemClock,
    });
    assert.match(server.url, /^http:\/\/127\.0\.0\.1:\d+$/);
    const poll = fetch(`${server.url}/v1/runs/12?after=5&waitMs=30000`, { headers: { authorization } });
    await polled.promise;
    await server[Symbol.asyncDispose]();
    const answer = await poll;
    assert.equal(answer.status, 503);
    assert.equal(errorReply.parse(await answer.json()).error.code, 'SERVICE_STOPPING');
  });

  it('tells the service when a caller who waits has gone', async () => {
    const core = fakeCore();
    const polled = deferred<AbortSignal>();
    const left = deferred<undefined>();
    core.services.runs.wait = (_id, _after, _waitMs, signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve(aRun()), { once: true });
        signal.addEventListener('abort', () => left.resolve(undefined), { once: true });
        polled.resolve(signal);
      });
    await using server = await HttpServer.open({
      services: core.services,
      token,
      log: silentLog,
      port: 0,
      clock: systemClock,
    });
    const caller = new AbortController();
    const poll = fetch(`${server.url}/v1/runs/12?after=5&waitMs=30000`, {
      headers: { authorization },
      signal: caller.signal,
    }).catch(() => undefined);
    await polled.promise;
    caller.abort();
    await poll;
    await left.promise;
  });

  it('names a port that is taken', async () => {
    const core = fakeCore();
    await using first = await HttpServer.open({
      services: core.services,
      token,
      log: silentLog,
      port: 0,
      clock: systemClock,
    });
    const port = Number(new URL(first.url).port);
    const error: unknown = await HttpServer.open({
      services: core.services,
      token,
      log: silentLog,
      port,
      clock: systemClock,
    }).catch((thrown: unknown) => thrown);
    assert.instanceOf(error, AppError);
    assert.deepInclude(error, { code: 'CONFIG_INVALID', facts: { port } });
  });
});
