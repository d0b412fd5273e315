/**
 * A small HTTPS server for files under `/folder`, with misbehaviour to order: each request takes the next of the scripted
 * acts, in the order of arrival; without one it is answered well.
 */
import { type IncomingMessage, type ServerResponse } from 'node:http';
import { type Server, createServer } from 'node:https';
import { type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { makeTlsIdentity } from './vcenter-sim/tls-cert.ts';

export type Act =
  | { readonly kind: 'status'; readonly status: number }
  /** Sends half of the body, then cuts the connection. */
  | { readonly kind: 'cut' }
  /** Ends the connection before an answer. */
  | { readonly kind: 'drop' }
  /** Chunked, and half of the body only. */
  | { readonly kind: 'short' }
  /** Chunked, with more bytes than asked for. */
  | { readonly kind: 'long' }
  | { readonly kind: 'content-range'; readonly value: string }
  /** Sends headers and half of the body, then nothing until the client goes away. */
  | { readonly kind: 'stall' };

export interface FolderServer extends AsyncDisposable {
  readonly url: string;
  readonly fingerprint: string;
  /** The cookie that is accepted. */
  cookie: string;
  /** Path with decoded query → content. */
  readonly files: Map<string, Uint8Array>;
  readonly acts: Act[];
  /** `range` headers in the order of arrival. */
  readonly ranges: string[];
  /** Requests that wait in a stall. */
  readonly stalled: number;
}

export async function startFolderServer(): Promise<FolderServer> {
  const identity = makeTlsIdentity('folder-server');
  const state = { cookie: 'session=1', files: new Map<string, Uint8Array>(), acts: [] as Act[], stalled: 0 };
  const ranges: string[] = [];
  const server: Server = createServer(
    { key: identity.keyPem, cert: identity.certificatePem },
    (request, response) => {
      ranges.push(request.headers.range ?? '');
      const act = state.acts.shift();
      if (act?.kind === 'stall') {
        state.stalled++;
        response.on('close', () => state.stalled--);
      }
      answer(request, response, state, act);
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://127.0.0.1:${port}/sdk`,
    fingerprint: identity.fingerprint,
    get cookie() {
      return state.cookie;
    },
    set cookie(value) {
      state.cookie = value;
    },
    get stalled() {
      return state.stalled;
    },
    files: state.files,
    acts: state.acts,
    ranges,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  state: { cookie: string; files: Map<string, Uint8Array> },
  act: Act | undefined,
): void {
  if (act?.kind === 'drop') return void request.socket.destroy();
  if (act?.kind === 'status') return void response.writeHead(act.status).end('<html>no</html>');
  if (request.headers.cookie !== state.cookie) return void response.writeHead(401).end();
  const url = new URL(request.url ?? '/', 'https://x');
  const file = state.files.get(
    `${decodeURIComponent(url.pathname)}?${[...url.searchParams.values()].join('&')}`,
  );
  if (file === undefined) return void response.writeHead(404).end();
  sendRange(response, file, request.headers.range ?? '', act);
}

function sendRange(response: ServerResponse, file: Uint8Array, range: string, act: Act | undefined): void {
  const [, first = '', last = ''] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? [];
  const start = Number(first);
  if (start >= file.length) return void response.writeHead(416).end();
  const end = Math.min(Number(last), file.length - 1);
  const body = Buffer.from(file.subarray(start, end + 1));
  const contentRange = act?.kind === 'content-range' ? act.value : `bytes ${start}-${end}/${file.length}`;
  const isChunked = act?.kind === 'short' || act?.kind === 'long';
  response.writeHead(206, {
    'content-range': contentRange,
    ...(isChunked ? {} : { 'content-length': body.length }),
  });
  sendBody(response, body, act);
}

function sendBody(response: ServerResponse, body: Buffer, act: Act | undefined): void {
  const half = body.subarray(0, body.length >> 1);
  if (act?.kind === 'cut') response.write(half, () => response.destroy());
  else if (act?.kind === 'stall') response.write(half);
  else if (act?.kind === 'short') response.end(half);
  else if (act?.kind === 'long') response.end(Buffer.concat([body, body]));
  else response.end(body);
}
