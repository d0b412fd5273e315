/**
 * A self-signed certificate made in-process (EC P-256, valid for localhost, 127.0.0.1 and ::1), by a DER writer
 * of forty lines, so that the simulator needs no openssl. It is marked as a CA: a client may trust it directly.
 * Source: RFC 5280 section 4.1, RFC 5758 section 3.2.
 */
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

export interface TlsIdentity {
  readonly keyPem: string;
  readonly certificatePem: string;
  /** SHA-256 of the certificate, upper-case hex with colons. */
  readonly fingerprint: string;
  /** SHA-1 of the certificate: what VDDK calls the thumbprint. */
  readonly thumbprintSha1: string;
}

const ECDSA_SHA256 = oid('2a8648ce3d040302');
const DAY_MS = 86_400_000;

/** Makes a new key and certificate for `commonName`, valid from yesterday for ten years. */
export function makeTlsIdentity(commonName: string): TlsIdentity {
  const keys = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const algorithm = sequence(ECDSA_SHA256);
  const tbs = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([0x4b]), randomBytes(15)])),
    algorithm,
    distinguishedName(commonName),
    sequence(utcTime(Date.now() - DAY_MS), utcTime(Date.now() + 3650 * DAY_MS)),
    distinguishedName(commonName),
    keys.publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions())),
  );
  const signature = sign('sha256', tbs, keys.privateKey);
  const certificate = sequence(tbs, algorithm, der(0x03, Buffer.concat([Buffer.from([0]), signature])));
  return {
    keyPem: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificatePem: `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64').replace(/(.{64})/g, '$1\n')}\n-----END CERTIFICATE-----\n`,
    fingerprint: colonHex('sha256', certificate),
    thumbprintSha1: colonHex('sha1', certificate),
  };
}

function extensions(): Buffer[] {
  const names = sequence(
    der(0x82, Buffer.from('localhost')),
    der(0x87, Buffer.from([127, 0, 0, 1])),
    der(0x87, Buffer.concat([Buffer.alloc(15), Buffer.from([1])])),
  );
  const yes = der(0x01, Buffer.from([0xff]));
  return [sequence(oid('551d11'), der(0x04, names)), sequence(oid('551d13'), yes, der(0x04, sequence(yes)))];
}

function distinguishedName(commonName: string): Buffer {
  return sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(commonName)))));
}

function utcTime(atMs: number): Buffer {
  const digits = new Date(atMs).toISOString().replace(/\D/g, '').slice(2, 14);
  return der(0x17, Buffer.from(`${digits}Z`));
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function der(tag: number, content: Buffer): Buffer {
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const hex = content.length.toString(16);
  const length = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, content]);
}

function colonHex(algorithm: string, bytes: Buffer): string {
  return createHash(algorithm)
    .update(bytes)
    .digest('hex')
    .toUpperCase()
    .replace(/(..)(?=.)/g, '$1:');
}
