/**
 * POST /sdk: reads the envelope, lets scripted faults have their way, logs the call, answers.
 */
import { type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CallRecord } from './call-log.ts';
import { type DecodedCall } from './decode.ts';
import { calledObject, envelope, faultBody, readEnvelope, runCall } from './dispatch.ts';
import { type FaultRule } from './fault-rules.ts';
import { type Session } from './sessions.ts';
import { invalidRequest, scriptedFault, SimFault } from './sim-fault.ts';
import { namesOf, type Site } from './site.ts';

const SOAP_TYPE = 'text/xml; charset=utf-8';
const MAX_BODY_BYTES = 16 * 2 ** 20;
const VERSIONS = ['7.0.3.0', '7.0.2.0', '7.0.1.0', '7.0.0.0', '6.7.3', '6.7', '6.5', '6.0', '5.5'];

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly cookie?: string | undefined;
}

/** The list of API versions, as at /sdk/vimServiceVersions.xml. */
export function versionsXml(): string {
  const prior = VERSIONS.slice(1)
    .map((version) => `<version>${version}</version>`)
    .join('');
  return `<?xml version="1.0" encoding="UTF-8"?>\n<namespaces version="1.0"><namespace><name>urn:vim25</name><version>${VERSIONS[0]!}</version><priorVersions>${prior}</priorVersions></namespace></namespaces>\n`;
}

/** Serves one request to /sdk; never rejects. */
export async function serveSoap(
  site: Site,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const session = site.sessions.fromCookie(request.headers.cookie);
  const text = await readBody(request);
  if (text === undefined) return void request.socket.destroy();
  let call: DecodedCall | undefined;
  let refused: SimFault | undefined;
  try {
    checkHeaders(request);
    call = readEnvelope(text);
  } catch (error) {
    refused = asFault(error);
  }
  const object = call === undefined ? undefined : calledObject(site, call, session);
  const names = call === undefined ? [] : [call.target.id, ...namesOf(object)];
  const record = site.calls.add({
    method: call?.method.name ?? 'invalid',
    object: call?.target.id ?? '',
    names,
    session: session?.key ?? '',
    body: text,
  });
  await site.calls.dump(record, 'req', text);
  const hungUp = new AbortController();
  response.on('close', () => hungUp.abort());
  const run = (): Promise<Answer> =>
    call === undefined
      ? Promise.resolve(faultAnswer(site, refused!))
      : answerCall(site, call, session, hungUp.signal);
  await deliver({ site, record, call, response, request, run });
  record.durationMs = Date.now() - record.atMs;
}

interface Delivery {
  readonly site: Site;
  readonly record: CallRecord;
  readonly call: DecodedCall | undefined;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly run: () => Promise<Answer>;
}

async function deliver(delivery: Delivery): Promise<void> {
  const { site, record, call, request, response } = delivery;
  const rule = call === undefined ? undefined : site.faults.take(record.method, record.names, 'call');
  if (rule?.delayMs !== undefined) await sleep(rule.delayMs);
  record.outcome = rule?.fault ?? rule?.action ?? 'pending';
  if (rule?.action === 'drop') {
    request.socket.destroy();
    return;
  }
  const instead = insteadOfCall(rule);
  if (instead !== undefined) {
    send(response, instead);
    return;
  }
  const answer = await called(delivery, rule);
  if (rule?.action === 'drop-after') {
    request.socket.destroy();
    return;
  }
  const body = spoil(answer.body, rule);
  if (body === answer.body) await site.calls.dump(record, 'res', body);
  send(response, { ...answer, body });
}

/** Answers that are given without carrying the call out. */
function insteadOfCall(rule: FaultRule | undefined): (Answer & { type: string }) | undefined {
  switch (rule?.action) {
    case 'http503-html':
      return {
        status: 503,
        type: 'text/html',
        body: '<html><body><h1>503 Service Unavailable</h1></body></html>',
      };
    case 'status':
      return { status: rule.status ?? 500, type: 'text/plain', body: 'scripted' };
    case 'empty200':
      return { status: 200, type: SOAP_TYPE, body: '' };
    case undefined:
    case 'cut-xml':
    case 'malformed-xml':
    case 'dtd':
    case 'drop':
    case 'delay':
    case 'cut':
    case 'drop-after':
      return undefined;
  }
}

async function called({ site, record, call, run }: Delivery, rule: FaultRule | undefined): Promise<Answer> {
  if (rule?.fault !== undefined && call !== undefined) {
    return faultAnswer(site, scriptedFault(rule.fault, call.target, '[ds1] scripted'));
  }
  const answer = await run();
  record.outcome = outcomeOf(answer);
  return answer;
}

const outcomeOf = (answer: Answer): string =>
  answer.status === 200 ? 'ok' : (/<(\w+)Fault xmlns/.exec(answer.body)?.[1] ?? String(answer.status));

function spoil(body: string, rule: FaultRule | undefined): string {
  if (rule?.action === 'cut-xml') return body.slice(0, Math.floor(body.length * 0.7));
  if (rule?.action === 'malformed-xml') return body.replace('</soapenv:Body>', '</soapenv:Bdoy>');
  if (rule?.action === 'dtd') return body.replace('?>', '?><!DOCTYPE x [<!ENTITY e "boom">]>');
  return body;
}

async function answerCall(
  site: Site,
  call: DecodedCall,
  session: Session | undefined,
  signal: AbortSignal,
): Promise<Answer> {
  let cookie: string | undefined;
  try {
    const body = await runCall(call, { site, session, signal, setCookie: (value) => void (cookie = value) });
    return {
      status: 200,
      body: envelope(body, site.config.xsiPrefix),
      ...(cookie === undefined ? {} : { cookie }),
    };
  } catch (error) {
    return faultAnswer(site, asFault(error));
  }
}

const faultAnswer = (site: Site, fault: SimFault): Answer => ({
  status: 500,
  body: envelope(faultBody(fault), site.config.xsiPrefix),
});

function asFault(error: unknown): SimFault {
  if (error instanceof SimFault) return error;
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
  console.error(`vcenter-sim: ${reason}`);
  return new SimFault('SystemError', `A general system error occurred: ${reason}`, { reason });
}

function checkHeaders(request: IncomingMessage): void {
  if (!/^text\/xml\b/i.test(request.headers['content-type'] ?? ''))
    throw invalidRequest('Content-Type must be text/xml');
  const action = String(request.headers['soapaction'] ?? '').replace(/^"|"$/g, '');
  if (
    action !== '' &&
    !VERSIONS.some((version) => action === `urn:vim25/${version}`) &&
    action !== 'urn:vim25'
  ) {
    throw invalidRequest(`Unsupported version URI "${action}"`);
  }
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const part of request as AsyncIterable<Buffer>) {
      length += part.length;
      if (length > MAX_BODY_BYTES) return undefined;
      parts.push(part);
    }
  } catch {
    return undefined;
  }
  return Buffer.concat(parts).toString('utf8');
}

function send(response: ServerResponse, answer: Answer & { type?: string }): void {
  if (response.destroyed) return;
  if (answer.cookie !== undefined) response.setHeader('Set-Cookie', answer.cookie);
  response.writeHead(answer.status, {
    'Content-Type': answer.type ?? SOAP_TYPE,
    'Content-Length': Buffer.byteLength(answer.body),
    'Cache-Control': 'no-cache',
  });
  response.end(answer.body);
}
