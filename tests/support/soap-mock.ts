/**
 * A server that answers SOAP with whatever a test says, over TLS with a certificate of its own: for answers that no
 * vCenter should give, and the simulator therefore does not.
 */
import { once } from 'node:events';
import { type IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import { type AddressInfo } from 'node:net';
import { systemClock } from '../../shared/base/clock.ts';
import { silentLog } from '../../shared/base/log.ts';
import { type ConnectOptions } from '../../shared/vsphere/session.ts';
import { makeTlsIdentity } from './vcenter-sim/tls-cert.ts';

export interface MockCall {
  /** The method, or `GET` and the path. */
  readonly method: string;
  readonly body: string;
  readonly headers: IncomingMessage['headers'];
}

export interface MockAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** What a test says to a call; undefined leaves it to the defaults. */
export type Script = (call: MockCall, count: number) => MockAnswer | 'hang' | 'drop' | undefined;

/** The body of an answer in its envelope. */
export function envelope(inner: string): string {
  return (
    '<?xml version="1.0" encoding="UTF-8"?>\n<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" ' +
    'xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">' +
    `<soapenv:Body>${inner}</soapenv:Body></soapenv:Envelope>`
  );
}

/** A good answer of `method`, with this in it. */
export function answer(method: string, inner = ''): MockAnswer {
  return { body: envelope(`<${method}Response xmlns="urn:vim25">${inner}</${method}Response>`) };
}

/** A SOAP fault of this vim25 type. */
export function fault(type: string, fields = '', text = 'It failed.'): MockAnswer {
  const detail = `<detail><${type}Fault xmlns="urn:vim25" xsi:type="${type}">${fields}</${type}Fault></detail>`;
  const inner = `<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>${text}</faultstring>${detail}</soapenv:Fault>`;
  return { status: 500, body: envelope(inner) };
}

const about =
  '<about><name>Mock</name><fullName>Mock 8.0</fullName><vendor>Mock</vendor><version>8.0.3</version><build>1</build>' +
  '<osType>x</osType><productLineId>vpx</productLineId><apiType>VirtualCenter</apiType><apiVersion>8.0.3.0</apiVersion></about>';
const content = answer(
  'RetrieveServiceContent',
  '<returnval><rootFolder type="Folder">group-d1</rootFolder><propertyCollector type="PropertyCollector">pc</propertyCollector>' +
    `<viewManager type="ViewManager">vm</viewManager>${about}<sessionManager type="SessionManager">sm</sessionManager>` +
    '<authorizationManager type="AuthorizationManager">am</authorizationManager><searchIndex type="SearchIndex">si</searchIndex></returnval>',
);

export class SoapMock implements AsyncDisposable {
  readonly url: string;
  readonly fingerprint: string;
  readonly thumbprintSha1: string;
  readonly calls: MockCall[] = [];
  /** TCP connections that finished their TLS handshake. */
  connections = 0;
  script: Script = () => undefined;
  #logins = 0;
  readonly #server: Server;

  static async start(script?: Script): Promise<SoapMock> {
    const identity = makeTlsIdentity('mock');
    const server = createServer({ key: identity.keyPem, cert: identity.certificatePem });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const mock = new SoapMock(server, identity);
    if (script !== undefined) mock.script = script;
    return mock;
  }

  private constructor(server: Server, identity: { fingerprint: string; thumbprintSha1: string }) {
    this.#server = server;
    this.url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/sdk`;
    this.fingerprint = identity.fingerprint;
    this.thumbprintSha1 = identity.thumbprintSha1;
    server.on('secureConnection', () => this.connections++);
    server.on('tlsClientError', () => undefined);
    server.on('request', (request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const given = this.#answer(request, Buffer.concat(parts).toString());
        if (given === 'hang') return;
        if (given === 'drop') return void request.socket.destroy();
        response.writeHead(given.status ?? 200, { 'content-type': 'text/xml', ...given.headers });
        response.end(given.body);
      });
    });
  }

  /** Options that reach this server. */
  options(changes: Partial<ConnectOptions> = {}): ConnectOptions {
    return {
      url: this.url,
      username: 'backup',
      password: 'S3cret<&>pass',
      fingerprint: this.fingerprint,
      log: silentLog,
      clock: systemClock,
      ...changes,
    };
  }

  /** How often a method was called. */
  count(method: string): number {
    return this.calls.filter((call) => call.method === method).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #answer(request: IncomingMessage, body: string): MockAnswer | 'hang' | 'drop' {
    const method =
      request.method === 'GET'
        ? `GET ${request.url ?? ''}`
        : (/Body><(?:\w+:)?(\w+)/.exec(body)?.[1] ?? 'unknown');
    const call = { method, body, headers: request.headers };
    this.calls.push(call);
    return this.script(call, this.count(method)) ?? this.#default(method);
  }

  #default(method: string): MockAnswer {
    if (method === 'RetrieveServiceContent') return content;
    if (method === 'Login') {
      const key = `key-${++this.#logins}`;
      return {
        ...answer(
          'Login',
          `<returnval><key>${key}</key><userName>u</userName><fullName>f</fullName></returnval>`,
        ),
        headers: { 'set-cookie': `vmware_soap_session="${key}"; Path=/; HttpOnly; Secure` },
      };
    }
    if (method === 'CurrentTime') return answer('CurrentTime', '<returnval>2026-01-01T00:00:00Z</returnval>');
    return answer(method);
  }
}
