import { assert } from 'chai';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { AppError } from '../../../../shared/base/errors.ts';
import { VsphereSession } from '../../../../shared/vsphere/session.ts';
import { answer, envelope, fault, SoapMock, type MockAnswer } from '../../../support/soap-mock.ts';
import { rejectsCode } from '../throws-code.ts';

const signal = new AbortController().signal;
const options = { signal, idempotent: true };
const instance = { _this: { type: 'ServiceInstance', value: 'ServiceInstance' } };

let mock: SoapMock;
beforeEach(async () => (mock = await SoapMock.start()));
afterEach(() => mock[Symbol.asyncDispose]());

/** Lets `CurrentTime` be answered with `given` and calls it. */
async function timeWith(given: MockAnswer | 'hang' | 'drop', requestTimeoutMs = 5_000): Promise<unknown> {
  mock.script = (call) => (call.method === 'CurrentTime' ? given : undefined);
  await using session = await VsphereSession.connect(mock.options({ requestTimeoutMs }), signal);
  return await session.call('CurrentTime', instance, options);
}

describe('SoapClient answers', () => {
  it('reads a good one', async () =>
    assert.equal(await timeWith(answer('CurrentTime', '<returnval>T</returnval>')), 'T'));
  it('reads one that is packed', async () => {
    const body = gzipSync(String(answer('CurrentTime', '<returnval>T</returnval>').body));
    assert.equal(await timeWith({ headers: { 'content-encoding': 'gzip' }, body }), 'T');
  });

  const good = String(answer('CurrentTime', '<returnval>T</returnval>').body);
  const bad: readonly (readonly [string, MockAnswer])[] = [
    ['an empty one', { body: '' }],
    ['an HTML page', { status: 503, body: '<html><body>Service Unavailable</body></html>' }],
    ['an HTML page with status 200', { body: '<!DOCTYPE html><html></html>' }],
    ['one that is cut off', { body: good.slice(0, -40) }],
    ['one that is not well-formed', { body: good.replace('</returnval>', '</wrong>') }],
    ['one with a DTD', { body: good.replace('?>', '?><!DOCTYPE x [<!ENTITY a "b">]>') }],
    ['one with an unknown entity', { body: good.replace('>T<', '>&nope;<') }],
    ['the answer to another call', answer('Logout')],
    ['JSON', { body: '{"a":1}' }],
    ['a damaged gzip', { headers: { 'content-encoding': 'gzip' }, body: 'not gzip' }],
    ['a status 500 without a fault', { status: 500, body: envelope('<x/>').replace('<x/>', '') }],
    ['binary rubbish', { body: Buffer.from([0, 255, 254, 60, 62]) }],
  ];
  for (const [title, given] of bad) {
    it(`refuses ${title}`, async () => {
      await rejectsCode('VSPHERE_ANSWER_INVALID', timeWith(given));
    });
  }
  it('refuses one that is too large once unpacked', async () => {
    const body = gzipSync(Buffer.alloc(80 * 2 ** 20, 32));
    const error = await rejectsCode(
      'VSPHERE_ANSWER_INVALID',
      timeWith({ headers: { 'content-encoding': 'gzip' }, body }),
    );
    assert.property(error.facts, 'maxBytes');
  });
  it('reports a dropped connection', async () => {
    await rejectsCode('VSPHERE_UNREACHABLE', timeWith('drop'));
  });
  it('gives up on silence', async () => {
    await rejectsCode('VSPHERE_TIMEOUT', timeWith('hang', 300));
  });
  it('reports a fault by its type', async () => {
    const given = fault(
      'NoPermission',
      '<object type="Folder">group-d1</object><privilegeId>System.View</privilegeId>',
    );
    const error = await rejectsCode('AUTH_NO_PERMISSION', timeWith(given));
    assert.deepInclude(error.facts, { fault: 'NoPermission', privilegeId: 'System.View' });
    assert.include(error.message, 'CurrentTime');
  });
  it('reports a fault without detail', async () => {
    const inner =
      '<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>Unexpected element tag "x" seen</faultstring></soapenv:Fault>';
    const error = await rejectsCode('VSPHERE_FAULT', timeWith({ status: 500, body: envelope(inner) }));
    assert.include(error.message, 'Unexpected element tag');
  });
});

describe('SoapClient requests', () => {
  it('ends a call within moments of a cancel', async () => {
    mock.script = (call) => (call.method === 'CurrentTime' ? 'hang' : undefined);
    await using session = await VsphereSession.connect(mock.options(), signal);
    const stop = new AbortController();
    const call = session.call('CurrentTime', instance, { signal: stop.signal, idempotent: true });
    stop.abort(new AppError('CANCELLED', 'Run was cancelled'));
    const error = await rejectsCode('CANCELLED', call);
    assert.equal(error.message, 'Run was cancelled');
  });

  it('does not send a call that was cancelled before', async () => {
    await using session = await VsphereSession.connect(mock.options(), signal);
    const call = session.call('CurrentTime', instance, { signal: AbortSignal.abort(), idempotent: true });
    await rejectsCode('CANCELLED', call);
    assert.equal(mock.count('CurrentTime'), 0);
  });

  it('shows each request to the observer without its password', async () => {
    const seen: string[] = [];
    const onRequest = (method: string, text: string): void => void seen.push(`${method} ${text}`);
    await using session = await VsphereSession.connect(mock.options({ onRequest }), signal);
    assert.equal(session.about.apiVersion, '8.0.3.0');
    assert.match(seen[1]!, /^Login .*<(\w+:)?password>\[redacted\]</);
    assert.notInclude(seen.join(), 'S3cret');
  });

  it('asks in the version of the subset, also a newer server', async () => {
    await using session = await VsphereSession.connect(mock.options(), signal);
    assert.equal(mock.calls.at(-1)?.headers['soapaction'], '"urn:vim25/7.0.3.0"');
    assert.equal(session.about.apiType, 'VirtualCenter');
  });

  it('leaves no password in what is thrown or kept', async () => {
    for (const given of ['drop', { status: 503, body: 'no' }, fault('InvalidLogin')] as const) {
      mock.script = (call) => (call.method === 'Login' ? given : undefined);
      try {
        await VsphereSession.connect(mock.options(), signal);
        assert.fail('it connected');
      } catch (error) {
        assert.instanceOf(error, AppError);
        const text = inspect(error, { depth: 20, showHidden: true });
        assert.notInclude(text, 'S3cret');
        assert.notInclude(text, 'pass&');
      }
    }
    mock.script = () => undefined;
    await using session = await VsphereSession.connect(mock.options(), signal);
    assert.notInclude(inspect(session, { depth: 10, showHidden: true }), 'S3cret');
  });

  it('escapes what needs it', async () => {
    await using session = await VsphereSession.connect(mock.options({ password: '<![CDATA[x]]>' }), signal);
    assert.isNotEmpty(session.cookie());
    assert.include(mock.calls.find((call) => call.method === 'Login')!.body, '&lt;![CDATA[x]]&gt;');
  });
});
