/**
 * Who may be at the other end: a certificate that the system's authorities vouch for, or exactly the one whose SHA-256
 * fingerprint an administrator confirmed. Node finishes the handshake without judging; the judgement stands here, before
 * the socket is handed over, so a wrong certificate never sees a byte of HTTP.
 *
 * Sessions of earlier connections are never resumed: a resumed one shows no certificate.
 */
import { connect as openTls, type PeerCertificate, TLSSocket } from 'node:tls';
import { buildConnector } from 'undici';
import { AppError } from '../base/errors.ts';

const HANDSHAKE_TIMEOUT_MS = 15_000;
const DEFAULT_PORT = 443;

export interface ServerCertificate {
  /** SHA-256 of the certificate, upper-case hexadecimal pairs with colons. */
  readonly fingerprint: string;
  /** SHA-1, as VDDK wants it. */
  readonly thumbprintSha1: string;
  readonly subject: string;
  readonly issuer: string;
  readonly validFrom: string;
  readonly validTo: string;
  /** Why the system does not trust it, or null when it does. */
  readonly distrust: string | null;
}

/**
 * A fingerprint in its one form, `AB:CD:…`, from any of the usual ones.
 * @throws AppError `USAGE_INVALID` when it is not 32 bytes in hexadecimal
 */
export function normalizeFingerprint(text: string): string {
  const digits = text
    .trim()
    .replace(/^sha-?256[:= ]\s*/i, '')
    .replaceAll(/[\s:]/g, '')
    .toUpperCase();
  if (!/^[0-9A-F]{64}$/.test(digits)) {
    throw new AppError('USAGE_INVALID', 'Cannot use the fingerprint: it is not a SHA-256 in hexadecimal');
  }
  return digits.replaceAll(/(..)(?!$)/g, '$1:');
}

/** Options for an undici Pool or Client that talks to the server with this fingerprint, null: to any trusted one. */
export function tlsOptionsFor(fingerprint: string | null): { connect: buildConnector.connector } {
  const judged = fingerprint === null ? null : normalizeFingerprint(fingerprint);
  const open = buildConnector({
    rejectUnauthorized: false,
    maxCachedSessions: 0,
    allowH2: false,
    timeout: HANDSHAKE_TIMEOUT_MS,
  });
  return {
    connect(options, callback) {
      open(options, (...[error, socket]) => {
        const verdict = error ?? judge(socket, judged, options.hostname);
        if (verdict === undefined && socket !== null) {
          callback(null, socket);
          return;
        }
        socket?.destroy();
        callback(
          verdict ?? new AppError('VSPHERE_UNREACHABLE', `Cannot connect to "${options.hostname}"`),
          null,
        );
      });
    },
  };
}

function judge(socket: object | null, fingerprint: string | null, host: string): AppError | undefined {
  if (!(socket instanceof TLSSocket)) {
    return new AppError('AUTH_CERTIFICATE_UNTRUSTED', `Cannot connect to "${host}": it does not use TLS`);
  }
  const shown = socket.getPeerCertificate().fingerprint256 || 'none';
  if (fingerprint !== null) return shown === fingerprint ? undefined : mismatch(host, fingerprint, shown);
  if (socket.authorized) return undefined;
  const reason = String(socket.authorizationError);
  return new AppError(
    'AUTH_CERTIFICATE_UNTRUSTED',
    `Cannot trust the certificate of "${host}" (${reason}); its fingerprint is ${shown}`,
    { host, reason, shown },
  );
}

function mismatch(host: string, expected: string, shown: string): AppError {
  return new AppError(
    'AUTH_FINGERPRINT_MISMATCH',
    `Cannot trust the certificate of "${host}": expected fingerprint ${expected}, the server shows ${shown}`,
    { host, expected, shown },
  );
}

/**
 * The certificate that the server at `url` shows, trusted or not. Sends nothing but the TLS handshake.
 * @throws AppError `VSPHERE_UNREACHABLE`, `VSPHERE_TIMEOUT`, `CANCELLED`
 */
export async function readFingerprint(url: string, signal?: AbortSignal): Promise<ServerCertificate> {
  const target = new URL(url);
  const host = target.hostname.replace(/^\[|\]$/g, '');
  const port = target.port === '' ? DEFAULT_PORT : Number(target.port);
  signal?.throwIfAborted();
  const socket = openTls({
    host,
    port,
    servername: /^[\d.]+$|:/.test(host) ? '' : host,
    rejectUnauthorized: false,
  });
  try {
    await handshake(socket, target.host, signal);
    return describe(socket.getPeerCertificate(), socket);
  } finally {
    socket.destroy();
  }
}

function handshake(socket: TLSSocket, host: string, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      reject(
        signal?.reason instanceof Error
          ? signal.reason
          : new AppError('CANCELLED', 'Operation was cancelled'),
      );
    };
    signal?.addEventListener('abort', abort, { once: true });
    socket.once('close', () => signal?.removeEventListener('abort', abort));
    socket.setTimeout(HANDSHAKE_TIMEOUT_MS, () => {
      reject(
        new AppError('VSPHERE_TIMEOUT', `Cannot connect to "${host}": no TLS handshake in time`, { host }),
      );
    });
    socket.once('secureConnect', resolve);
    socket.once('error', (error: Error) => {
      reject(
        new AppError('VSPHERE_UNREACHABLE', `Cannot connect to "${host}": ${error.message}`, { host }, error),
      );
    });
  });
}

function describe(certificate: PeerCertificate, socket: TLSSocket): ServerCertificate {
  const names = (entry: PeerCertificate['subject'] | undefined): string =>
    Object.entries(entry ?? {})
      .map(([name, value]) => `${name}=${String(value)}`)
      .join(', ');
  return {
    fingerprint: certificate.fingerprint256,
    thumbprintSha1: certificate.fingerprint,
    subject: names(certificate.subject),
    issuer: names(certificate.issuer),
    validFrom: certificate.valid_from,
    validTo: certificate.valid_to,
    distrust: socket.authorized ? null : String(socket.authorizationError),
  };
}
