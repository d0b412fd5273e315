import { assert } from 'chai';
import { olderVersion, VsphereSession } from '../../../shared/vsphere/session.ts';
import { systemClock, type Clock } from '../../../shared/base/clock.ts';
import { answer, fault, SoapMock } from '../../support/soap-mock.ts';
import { rejectsCode } from './throws-code.ts';

const signal = new AbortController().signal;
const instance = { _this: { type: 'ServiceInstance', value: 'ServiceInstance' } };
const view = { _this: { type: 'ContainerView', value: 'v' } };

let mock: SoapMock;
beforeEach(async () => (mock = await SoapMock.start()));
afterEach(() => mock[Symbol.asyncDispose]());

/** From now on only calls with the cookie of login `n` count as logged in. */
function onlyLogin(n: number): void {
  mock.script = (call) => {
    if (call.method === 'Login' || call.method === 'RetrieveServiceContent') return undefined;
    return String(call.headers.cookie).includes(`key-${n}`) ? undefined : fault('NotAuthenticated');
  };
}

describe('VsphereSession.connect', () => {
  it('logs in and out once, with one cookie', async () => {
    {
      await using session = await VsphereSession.connect(mock.options(), signal);
      assert.equal(session.cookie(), 'vmware_soap_session="key-1"');
      assert.equal(session.sessionKey(), 'key-1');
    }
    assert.deepEqual(
      mock.calls.map((call) => call.method),
      ['RetrieveServiceContent', 'Login', 'Logout'],
    );
    assert.equal(mock.calls[2]!.headers.cookie, 'vmware_soap_session="key-1"');
  });
  it('refuses a wrong password', async () => {
    mock.script = (call) => (call.method === 'Login' ? fault('InvalidLogin') : undefined);
    await rejectsCode('AUTH_LOGIN_REFUSED', VsphereSession.connect(mock.options(), signal));
  });
  it('refuses a session without its key', async () => {
    mock.script = (call) => (call.method === 'Login' ? answer('Login') : undefined);
    await rejectsCode('VSPHERE_ANSWER_INVALID', VsphereSession.connect(mock.options(), signal));
  });
  for (const url of [
    'http://vc.example/sdk',
    'vc.example',
    'https://root:pw@vc.example/',
    'https://vc.example/sdk?x=1',
  ]) {
    it(`refuses the address ${url}`, async () => {
      await rejectsCode('USAGE_INVALID', VsphereSession.connect(mock.options({ url }), signal));
    });
  }
  it('says which server does not answer', async () => {
    const error = await rejectsCode(
      'VSPHERE_UNREACHABLE',
      VsphereSession.connect(mock.options({ url: 'https://127.0.0.1:1/sdk' }), signal),
    );
    assert.equal(error.facts['host'], '127.0.0.1:1');
  });
});

describe('VsphereSession.call', () => {
  it('logs in once for many calls that meet a lost session, and repeats them', async () => {
    await using session = await VsphereSession.connect(mock.options(), signal);
    onlyLogin(2);
    const calls = Array.from({ length: 6 }, () =>
      session.call('CurrentTime', instance, { signal, idempotent: true }),
    );
    assert.deepEqual(await Promise.all(calls), Array(6).fill('2026-01-01T00:00:00Z'));
    assert.equal(mock.count('Login'), 2);
    assert.equal(session.cookie(), 'vmware_soap_session="key-2"');
  });
  it('logs in but does not repeat a call that is not idempotent', async () => {
    await using session = await VsphereSession.connect(mock.options(), signal);
    onlyLogin(2);
    await rejectsCode(
      'VSPHERE_NOT_AUTHENTICATED',
      session.call('DestroyView', view, { signal, idempotent: false }),
    );
    assert.equal(mock.count('DestroyView'), 1);
    assert.equal(mock.count('Login'), 2);
    await session.call('DestroyView', view, { signal, idempotent: false });
  });
  it('does not log in for ever', async () => {
    await using session = await VsphereSession.connect(mock.options(), signal);
    onlyLogin(99);
    await rejectsCode(
      'VSPHERE_NOT_AUTHENTICATED',
      session.call('CurrentTime', instance, { signal, idempotent: true }),
    );
    assert.equal(mock.count('Login'), 2);
  });
  it('keeps parallel calls apart', async () => {
    mock.script = (call) =>
      call.method === 'FindByUuid'
        ? answer(
            'FindByUuid',
            `<returnval type="VirtualMachine">vm-${/uuid>(\d+)</.exec(call.body)?.[1] ?? ''}</returnval>`,
          )
        : undefined;
    await using session = await VsphereSession.connect(mock.options(), signal);
    const found = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        session.call(
          'FindByUuid',
          { _this: session.content.searchIndex, vmSearch: true, uuid: String(i) },
          { signal, idempotent: true },
        ),
      ),
    );
    assert.deepEqual(
      found,
      Array.from({ length: 20 }, (_, i) => ({ type: 'VirtualMachine', value: `vm-${i}` })),
    );
  });
  it('refuses calls after its end', async () => {
    const session = await VsphereSession.connect(mock.options(), signal);
    await session[Symbol.asyncDispose]();
    await session[Symbol.asyncDispose]();
    await rejectsCode('CANCELLED', session.call('CurrentTime', instance, { signal, idempotent: true }));
    assert.equal(mock.count('Logout'), 1);
  });
});

describe('VsphereSession keep-alive', () => {
  it('calls CurrentTime at each tick and renews a lost session', async () => {
    let tick = (): void => undefined;
    const clock: Clock = {
      ...systemClock,
      every: (_ms, work) => {
        tick = work;
        return { [Symbol.dispose]: () => undefined };
      },
    };
    await using session = await VsphereSession.connect(mock.options({ clock }), signal);
    onlyLogin(2);
    tick();
    while (mock.count('CurrentTime') < 2) await systemClock.sleep(5);
    assert.equal(session.cookie(), 'vmware_soap_session="key-2"');
  });
});

describe('VsphereSession.renewCookie', () => {
  it('logs in only when the refused cookie is still in use', async () => {
    await using session = await VsphereSession.connect(mock.options(), signal);
    const first = session.cookie();
    await Promise.all([session.renewCookie(first, signal), session.renewCookie(first, signal)]);
    await session.renewCookie(first, signal);
    assert.equal(mock.count('Login'), 2);
  });
});

describe('olderVersion', () => {
  for (const [a, b, wanted] of [
    ['8.0.3.0', '7.0.3.0', '7.0.3.0'],
    ['6.5', '7.0.3.0', '6.5'],
    ['6.7.3', '6.7', '6.7'],
    ['7.0.3.0', '7.0.3.0', '7.0.3.0'],
    ['10.0', '9.0', '9.0'],
  ] as const) {
    it(`of ${a} and ${b} is ${wanted}`, () => assert.equal(olderVersion(a, b), wanted));
  }
});
