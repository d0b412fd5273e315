/**
 * Raw HTTPS requests at a simulator that runs inside the test: no SOAP library, so that tests see the bytes.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SiteConfig } from '../../support/vcenter-sim/config.ts';
import { type ControlIn, type ControlName, type ControlOut } from '../../support/vcenter-sim/control-api.ts';
import { runSim, type RunningSim } from '../../support/vcenter-sim/run-sim.ts';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  readonly bytes: Buffer;
}

export const GRAIN = 65_536;
export const pattern = (length: number): Buffer => randomBytes(length);

/** A site of two machines with one small disk each; `vm` may be changed. */
export function tinySite(changes: Partial<SiteConfig> = {}): SiteConfig {
  return {
    datastores: [{ name: 'ds1' }],
    hosts: [{ name: 'esx1' }],
    taskDelayMs: 2,
    vms: [
      { name: 'vm1', folder: 'a/b', cbt: true, disks: [{ capacityBytes: 64 * GRAIN }] },
      { name: 'vm2', disks: [{ capacityBytes: 4 * GRAIN }] },
    ],
    ...changes,
  };
}

export const xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"';
export const wrap = (body: string): string =>
  `<?xml version="1.0"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" ${xsi}><e:Body>${body}</e:Body></e:Envelope>`;

/** One simulator and one client of it. */
export class TestSim {
  readonly sim: RunningSim;
  readonly dir: string;
  cookie = '';

  private constructor(sim: RunningSim, dir: string) {
    this.sim = sim;
    this.dir = dir;
  }

  static async start(config: SiteConfig = tinySite()): Promise<TestSim> {
    const dir = await mkdtemp(join(tmpdir(), 'sim-test-'));
    return new TestSim(await runSim(config, dir), dir);
  }

  async stop(): Promise<void> {
    await this.sim.close();
    await rm(this.dir, { recursive: true, force: true });
  }

  http(
    method: string,
    path: string,
    options: { headers?: Record<string, string>; body?: string } = {},
  ): Promise<RawAnswer> {
    return new Promise((resolve, reject) => {
      const headers = { ...(this.cookie === '' ? {} : { Cookie: this.cookie }), ...options.headers };
      const call = request(
        `${this.sim.ready.url}${path}`,
        { method, headers, ca: this.sim.ready.certificatePem },
        (response) => {
          const parts: Buffer[] = [];
          response.on('data', (part: Buffer) => parts.push(part));
          response.on('error', reject);
          response.on('end', () => {
            const bytes = Buffer.concat(parts);
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: bytes.toString(),
              bytes,
            });
          });
        },
      );
      call.on('error', reject);
      call.end(options.body);
    });
  }

  post(envelope: string, headers: Record<string, string> = {}): Promise<RawAnswer> {
    const base = { 'Content-Type': 'text/xml; charset=utf-8', SOAPAction: '"urn:vim25/7.0.3.0"' };
    return this.http('POST', '/sdk', { headers: { ...base, ...headers }, body: envelope });
  }

  /** Calls `method` on `Type:id` with this inner XML. */
  call(method: string, target: string, inner = ''): Promise<RawAnswer> {
    const [type, id] = [target.slice(0, target.indexOf(':')), target.slice(target.indexOf(':') + 1)];
    return this.post(
      wrap(`<${method} xmlns="urn:vim25"><_this type="${type}">${id}</_this>${inner}</${method}>`),
    );
  }

  async login(password = this.sim.ready.password): Promise<RawAnswer> {
    const answer = await this.call(
      'Login',
      'SessionManager:SessionManager',
      `<userName>${this.sim.ready.username}</userName><password>${password}</password>`,
    );
    const cookies = answer.headers['set-cookie'];
    if (Array.isArray(cookies)) this.cookie = cookies[0]!.split(';')[0]!;
    return answer;
  }

  async control<N extends ControlName>(name: N, input: ControlIn<N>): Promise<ControlOut<N>> {
    const response = await fetch(`${this.sim.ready.controlUrl}/${name}`, {
      method: 'POST',
      body: JSON.stringify(input),
    });
    const body = (await response.json()) as ControlOut<N>;
    if (!response.ok) throw new Error(JSON.stringify(body));
    return body;
  }

  async moref(vm: string): Promise<string> {
    return `VirtualMachine:${(await this.control('vmState', { vm })).moref}`;
  }

  async write(vm: string, offset: number, bytes: Buffer, diskKey = 2000): Promise<void> {
    await this.control('guestWrite', {
      vm,
      diskKey,
      patches: [{ offset, base64: bytes.toString('base64') }],
    });
  }

  /** One property of an object as XML of its `val`, or undefined. */
  async property(target: string, path: string): Promise<string | undefined> {
    const [type, id] = target.split(':') as [string, string];
    const answer = await this.retrieve(
      `<propSet><type>${type}</type><pathSet>${path}</pathSet></propSet><objectSet><obj type="${type}">${id}</obj></objectSet>`,
    );
    return /<val[^>]*>([\s\S]*)<\/val>/.exec(answer.body)?.[1];
  }

  retrieve(spec: string, options = ''): Promise<RawAnswer> {
    return this.call(
      'RetrievePropertiesEx',
      'PropertyCollector:propertyCollector',
      `<specSet>${spec}</specSet><options>${options}</options>`,
    );
  }

  /** Starts a task and waits for its end. */
  async task(
    method: string,
    target: string,
    inner = '',
  ): Promise<{ state: string; result: string; error: string }> {
    const started = await this.call(method, target, inner);
    const task = returnval(started);
    if (started.status !== 200 || task === undefined)
      return { state: 'refused', result: '', error: faultOf(started) };
    await this.control('idle', {});
    const found = (await this.property(`Task:${task}`, 'info')) ?? '';
    return {
      state: /<state>(\w+)/.exec(found)?.[1] ?? '',
      result: /<result[^>]*>([^<]*)/.exec(found)?.[1] ?? '',
      error: /<fault xsi:type="(\w+)"/.exec(found)?.[1] ?? '',
    };
  }

  async snapshot(vm: string, name = 'ours'): Promise<string> {
    const inner = `<name>${name}</name><memory>false</memory><quiesce>false</quiesce>`;
    const { state, result } = await this.task('CreateSnapshot_Task', await this.moref(vm), inner);
    if (state !== 'success') throw new Error('The snapshot failed');
    return `VirtualMachineSnapshot:${result}`;
  }

  removeSnapshot(snapshot: string): Promise<{ state: string; result: string; error: string }> {
    return this.task('RemoveSnapshot_Task', snapshot, '<removeChildren>false</removeChildren>');
  }

  async changeId(snapshot: string): Promise<string | undefined> {
    const config = await this.property(snapshot, 'config.hardware.device');
    return /<changeId>([^<]+)/.exec(config ?? '')?.[1];
  }

  async changes(
    vm: string,
    snapshot: string | undefined,
    query: { changeId?: string; start?: number; key?: number } = {},
  ): Promise<RawAnswer> {
    const at =
      snapshot === undefined
        ? ''
        : `<snapshot type="VirtualMachineSnapshot">${snapshot.split(':')[1]!}</snapshot>`;
    return this.call(
      'QueryChangedDiskAreas',
      await this.moref(vm),
      `${at}<deviceKey>${query.key ?? 2000}</deviceKey><startOffset>${query.start ?? 0}</startOffset><changeId>${query.changeId ?? '*'}</changeId>`,
    );
  }

  folder(path: string, options: { method?: string; range?: string } = {}): Promise<RawAnswer> {
    const headers: Record<string, string> = options.range === undefined ? {} : { Range: options.range };
    return this.http(options.method ?? 'GET', `/folder/${path}?dcPath=DC0&dsName=ds1`, { headers });
  }
}

export const returnval = (answer: RawAnswer): string | undefined =>
  /<returnval[^>]*>([^<]*)</.exec(answer.body)?.[1];
/** The fault's type, '' for an answer without one. */
export const faultOf = (answer: RawAnswer): string =>
  /<(\w+)Fault xmlns="urn:vim25" xsi:type="\1"/.exec(answer.body)?.[1] ?? '';
/** Changed areas in grains: [first, count]. */
export function areasOf(answer: RawAnswer): [number, number][] {
  const found = answer.body.matchAll(/<changedArea><start>(\d+)<\/start><length>(\d+)<\/length>/g);
  return [...found].map((match) => [Number(match[1]) / GRAIN, Number(match[2]) / GRAIN]);
}

/** Makes a raw image with bytes at these places. */
export async function makeImage(
  path: string,
  capacityBytes: number,
  grains: readonly number[],
): Promise<Buffer> {
  const image = Buffer.alloc(capacityBytes);
  for (const grain of grains) pattern(512).copy(image, grain * GRAIN);
  await writeFile(path, image);
  return image;
}
