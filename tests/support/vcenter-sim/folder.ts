/**
 * GET and HEAD of /folder/<path>?dcPath=…&dsName=…: the files of a datastore, whole or one range, with session
 * cookie or basic credentials. Files that a running machine writes are refused with 500, as vCenter does.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type IncomingMessage, type ServerResponse } from 'node:http';
import { resolve, sep } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type FaultRule } from './fault-rules.ts';
import { type Site } from './site.ts';

const STREAM_BYTES = 256 * 1024;

interface Range {
  readonly start: number;
  /** One past the last byte. */
  readonly end: number;
}

/** Serves one request below /folder; never rejects. */
export async function serveFolder(
  site: Site,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'https://sim');
  const path = decodePath(url.pathname.slice('/folder/'.length));
  const session = site.sessions.fromCookie(request.headers.cookie);
  const range = request.headers.range ?? '';
  const record = site.calls.add({
    method: 'folder',
    object: path,
    names: [path],
    session: session?.key ?? '',
    body: `${request.method ?? ''} ${range}`.trim(),
  });
  site.counters.folderRequests++;
  const rule = site.faults.take('folder', [path, url.searchParams.get('dsName') ?? ''], 'call');
  const delayMs = rule?.delayMs ?? site.config.folderDelayMs;
  if (delayMs !== undefined) await sleep(delayMs);
  const status = await answer(site, request, response, {
    url,
    path,
    rule,
    known: session !== undefined || basicAuth(site, request),
  });
  record.outcome = status < 400 ? 'ok' : String(status);
  record.durationMs = Date.now() - record.atMs;
}

/** The path in plain text; as it came, and so not found, when its escapes are broken. */
function decodePath(escaped: string): string {
  try {
    return decodeURIComponent(escaped);
  } catch {
    return escaped;
  }
}

interface Wanted {
  readonly url: URL;
  readonly path: string;
  readonly rule: FaultRule | undefined;
  readonly known: boolean;
}

async function answer(
  site: Site,
  request: IncomingMessage,
  response: ServerResponse,
  wanted: Wanted,
): Promise<number> {
  const { url, path, rule } = wanted;
  if (rule?.action === 'drop') {
    request.socket.destroy();
    return 599;
  }
  const refusal = refusedBefore(request, wanted);
  if (refusal !== undefined) return refuse(response, refusal, refusal === 401 ? CHALLENGE : {});
  const datastore = site.datastores.get(url.searchParams.get('dsName') ?? '');
  if (datastore === undefined || url.searchParams.get('dcPath') !== site.datacenter.name)
    return refuse(response, 404);
  const file = resolve(datastore.dir, path);
  if (!file.startsWith(datastore.dir + sep)) return refuse(response, 404);
  const size = await stat(file).then(
    (found) => (found.isFile() ? found.size : undefined),
    () => undefined,
  );
  if (size === undefined) return refuse(response, 404);
  if (isBusy(site, file)) return refuse(response, 500);
  return sendFile(site, request, response, { file, size, rule });
}

const CHALLENGE = { 'WWW-Authenticate': 'Basic realm="VMware HTTP server"' };

/** What is wrong with the request whatever file it is for. */
function refusedBefore(request: IncomingMessage, { rule, known }: Wanted): number | undefined {
  if (rule?.action === 'status' || rule?.action === 'http503-html') return rule.status ?? 503;
  if (!known) return 401;
  return request.method === 'GET' || request.method === 'HEAD' ? undefined : 405;
}

/** True for a file that a running machine writes, and for all files of a disk that is being consolidated. */
function isBusy(site: Site, file: string): boolean {
  for (const vm of site.vms.values()) {
    for (const { chain } of vm.disks) {
      if (chain.merging && chain.layers.some((layer) => layer.dataPath === file)) return true;
      if (vm.powerState === 'poweredOn' && chain.top.dataPath === file) return true;
    }
  }
  return false;
}

interface Sending {
  readonly file: string;
  readonly size: number;
  readonly rule: FaultRule | undefined;
}

async function sendFile(
  site: Site,
  request: IncomingMessage,
  response: ServerResponse,
  { file, size, rule }: Sending,
): Promise<number> {
  const range = parseRange(request.headers.range, size);
  if (range === undefined) return refuse(response, 416, { 'Content-Range': `bytes */${String(size)}` });
  const partial = request.headers.range !== undefined;
  const length = range.end - range.start;
  response.writeHead(partial ? 206 : 200, {
    'Content-Type': 'application/octet-stream',
    'Content-Length': length,
    'Accept-Ranges': 'bytes',
    ...(partial
      ? { 'Content-Range': `bytes ${String(range.start)}-${String(range.end - 1)}/${String(size)}` }
      : {}),
  });
  if (request.method === 'HEAD' || length === 0) return (response.end(), 200);
  const stop =
    rule?.action === 'cut'
      ? range.start + Math.min(length, rule.afterBytes ?? Math.floor(length / 2))
      : range.end;
  const source = createReadStream(file, {
    start: range.start,
    end: Math.max(range.start, stop - 1),
    highWaterMark: STREAM_BYTES,
  });
  try {
    await pipeline(source, paced(site), response, { end: stop === range.end });
  } catch {
    return 499;
  }
  if (stop !== range.end) return (response.destroy(), 599);
  return partial ? 206 : 200;
}

/** Counts the bytes, and holds them back to the configured bandwidth. */
function paced(site: Site): Transform {
  const perSecond = site.config.folderBytesPerSecond;
  return new Transform({
    highWaterMark: STREAM_BYTES,
    transform(part: Buffer, _encoding, done): void {
      site.counters.folderBytes += part.length;
      if (perSecond === undefined) done(null, part);
      else setTimeout(() => done(null, part), (part.length / perSecond) * 1000);
    },
  });
}

/** A single range, or the whole file for no or an unreadable header; undefined when nothing of it is there. */
function parseRange(header: string | undefined, size: number): Range | undefined {
  const found = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (found === null || (found[1] === '' && found[2] === '')) return { start: 0, end: size };
  if (found[1] === '')
    return size === 0 || Number(found[2]) === 0
      ? undefined
      : { start: Math.max(0, size - Number(found[2])), end: size };
  const start = Number(found[1]);
  const end = found[2] === '' ? size : Math.min(size, Number(found[2]) + 1);
  return start >= size || end <= start ? undefined : { start, end };
}

function basicAuth(site: Site, request: IncomingMessage): boolean {
  const found = /^Basic (.+)$/.exec(request.headers.authorization ?? '');
  return (
    found !== null && Buffer.from(found[1]!, 'base64').toString() === `${site.username}:${site.password}`
  );
}

function refuse(response: ServerResponse, status: number, headers: Record<string, string> = {}): number {
  const body = `<html><body>${String(status)}</body></html>`;
  response.writeHead(status, {
    'Content-Type': 'text/html',
    'Content-Length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
  return status;
}
