import { assert } from 'chai';
import { Pool } from 'undici';
import { VsphereSession } from '../../../shared/vsphere/session.ts';
import { normalizeFingerprint, readFingerprint, tlsOptionsFor } from '../../../shared/vsphere/tls-pin.ts';
import { SoapMock } from '../../support/soap-mock.ts';
import { rejectsCode, throwsCode } from './throws-code.ts';

const signal = new AbortController().signal;
const OTHER = 'AB:'.repeat(31) + 'AB';

let mock: SoapMock;
beforeEach(async () => (mock = await SoapMock.start()));
afterEach(() => mock[Symbol.asyncDispose]());

describe('readFingerprint', () => {
  it('shows the certificate without a byte of HTTP', async () => {
    const shown = await readFingerprint(mock.url);
    assert.deepInclude(shown, { fingerprint: mock.fingerprint, thumbprintSha1: mock.thumbprintSha1 });
    assert.isNotNull(shown.distrust);
    assert.isEmpty(mock.calls);
  });
  it('says when nobody answers', async () => {
    await rejectsCode('VSPHERE_UNREACHABLE', readFingerprint('https://127.0.0.1:1'));
  });
});

describe('tlsOptionsFor', () => {
  it('lets the pinned certificate through, on every new connection', async () => {
    const pool = new Pool(new URL(mock.url).origin, {
      ...tlsOptionsFor(mock.fingerprint.toLowerCase()),
      connections: 3,
    });
    const replies = await Promise.all([1, 2, 3].map(() => pool.request({ method: 'GET', path: '/x' })));
    await Promise.all(replies.map((reply) => reply.body.dump()));
    await pool.destroy();
    assert.equal(mock.calls.length, 3);
  });
  it('names both fingerprints when they differ, before any HTTP', async () => {
    const error = await rejectsCode(
      'AUTH_FINGERPRINT_MISMATCH',
      VsphereSession.connect(mock.options({ fingerprint: OTHER }), signal),
    );
    assert.deepInclude(error.facts, { expected: OTHER, shown: mock.fingerprint });
    assert.isEmpty(mock.calls);
  });
  it('does not trust a self-signed certificate without a pin, and shows its fingerprint', async () => {
    const error = await rejectsCode(
      'AUTH_CERTIFICATE_UNTRUSTED',
      VsphereSession.connect(mock.options({ fingerprint: null }), signal),
    );
    assert.equal(error.facts['shown'], mock.fingerprint);
    assert.include(error.message, mock.fingerprint);
    assert.isEmpty(mock.calls);
  });
});

describe('normalizeFingerprint', () => {
  it('takes the usual forms', () => {
    const plain = 'ab'.repeat(32);
    for (const form of [plain, OTHER, OTHER.toLowerCase(), ` SHA256:${plain}`, `sha-256=${OTHER} `]) {
      assert.equal(normalizeFingerprint(form), OTHER);
    }
  });
  for (const bad of ['', 'ab', 'zz'.repeat(32), 'ab'.repeat(20), `${OTHER}:AB`]) {
    it(`refuses "${bad}"`, () => void throwsCode('USAGE_INVALID', () => normalizeFingerprint(bad)));
  }
});
