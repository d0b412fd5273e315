/**
 * A whole simulator inside this process: site, HTTPS server, control server. main.ts runs it in its own process.
 */
import { createServer as createHttpsServer } from 'node:https';
import { type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { buildSite } from './build-site.ts';
import { type ReadyLine, type SiteConfig } from './config.ts';
import { controlServer } from './control.ts';
import { serveFolder } from './folder.ts';
import { singletons, serviceContent } from './methods/session-methods.ts';
import { type SimObject } from './model/inventory.ts';
import { type Site } from './site.ts';
import { serveSoap, versionsXml } from './soap-server.ts';
import { makeTlsIdentity } from './tls-cert.ts';
import { Moref, type Value } from './values.ts';

export interface RunningSim {
  readonly ready: ReadyLine;
  readonly site: Site;
  /** Cuts all connections and closes the files. */
  close(): Promise<void>;
}

/** Builds the site under `workDir` and listens on 127.0.0.1. */
export async function runSim(config: SiteConfig, workDir: string): Promise<RunningSim> {
  const site = await buildSite(config, workDir);
  addSingletons(site);
  const identity = makeTlsIdentity('vcenter-sim');
  const api = createHttpsServer(
    { key: identity.keyPem, cert: identity.certificatePem },
    (request, response) => {
      void route(site, request, response).catch((error: unknown) =>
        response.destroy(error instanceof Error ? error : undefined),
      );
    },
  );
  const control = controlServer(site);
  const port = await listen(api, config.port ?? 0);
  const controlPort = await listen(control, 0);
  const ready: ReadyLine = {
    url: `https://127.0.0.1:${String(port)}`,
    fingerprint: identity.fingerprint,
    thumbprintSha1: identity.thumbprintSha1,
    certificatePem: identity.certificatePem,
    controlUrl: `http://127.0.0.1:${String(controlPort)}`,
    username: site.username,
    password: site.password,
    datastores: Object.fromEntries([...site.datastores.values()].map((each) => [each.name, each.dir])),
  };
  return { ready, site, close: () => closeAll(site, [api, control]) };
}

function addSingletons(site: Site): void {
  const instance = new Moref('ServiceInstance', 'ServiceInstance');
  const plain = (ref: Moref, property: (name: string) => Value | undefined): SimObject => ({ ref, property });
  const content = (name: string): Value | undefined =>
    name === 'content' ? serviceContent() : name === 'serverClock' ? new Date() : undefined;
  site.inventory.add(plain(instance, content));
  for (const ref of singletons) {
    site.inventory.add(
      plain(ref, (name) =>
        name === 'sessionList' ? site.sessions.all().map((session) => session.toData()) : undefined,
      ),
    );
  }
}

async function route(site: Site, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? '/').split('?', 1)[0];
  if (request.method === 'POST' && (path === '/sdk' || path === '/sdk/'))
    return serveSoap(site, request, response);
  if (path?.startsWith('/folder/') === true) return serveFolder(site, request, response);
  const body = path === '/sdk/vimServiceVersions.xml' ? versionsXml() : '';
  response.writeHead(body === '' ? 404 : 200, {
    'Content-Type': 'text/xml',
    'Content-Length': Buffer.byteLength(body),
  });
  response.end(body);
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

async function closeAll(site: Site, servers: readonly Server[]): Promise<void> {
  site.sessions.closeAll();
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
  await site.tasks.idle();
  for (const vm of site.vms.values()) for (const disk of vm.disks) await disk.chain.close();
}
