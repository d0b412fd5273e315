import { assert } from 'chai';
import { type LinkEvents, type LinkOptions, WorkerLink } from '../../../../master/dispatch/worker-link.ts';
import { type WorkerProcess } from '../../../../master/dispatch/ports.ts';
import { AppError } from '../../../../shared/base/errors.ts';
import { type Clock } from '../../../../shared/base/clock.ts';
import { type Log, silentLog } from '../../../../shared/base/log.ts';

/** A clock whose time moves when the test says so. */
class HandClock implements Clock {
  #now = 0;
  readonly #ticks = new Set<() => void>();
  readonly #sleepers = new Set<{ at: number; wake: () => void }>();

  nowMs = () => this.#now;
  monotonicMs = () => this.#now;

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const sleeper = { at: this.#now + ms, wake: resolve };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', () => reject(signal.reason as Error));
    });
  }

  every(_ms: number, tick: () => void): Disposable {
    this.#ticks.add(tick);
    return { [Symbol.dispose]: () => void this.#ticks.delete(tick) };
  }

  async pass(ms: number): Promise<void> {
    this.#now += ms;
    for (const tick of this.#ticks) tick();
    for (const sleeper of this.#sleepers) if (sleeper.at <= this.#now) sleeper.wake();
    await settle();
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Sent {
  readonly type: string;
  readonly seq?: number;
  readonly result?: { ok: boolean; error?: { code: string } };
}

const device = { deviceId: 'd', name: 'tape0', path: '/tape0', key: null };

function begin(
  request: LinkEvents['request'] = () => Promise.resolve({}),
  open: LinkOptions['open'] = () => Promise.resolve({ device, threads: 1 }),
) {
  const clock = new HandClock();
  const sent: Sent[] = [];
  const heard: string[] = [];
  let hear: (raw: unknown) => void = () => undefined;
  const logged: string[] = [];
  const log: Log = { ...silentLog, info: (message) => void logged.push(message), child: () => log };
  let exit: (how: string) => void = () => undefined;
  let killed = 0;
  const process: WorkerProcess = {
    pid: 7,
    send: (message) => void sent.push(message as Sent),
    kill: () => {
      killed++;
      exit('signal SIGKILL');
    },
    onMessage: (listener) => (hear = listener),
    onExit: (listener) => (exit = listener),
  };
  const events: LinkEvents = {
    opened: () => void heard.push('opened'),
    openFailed: (error) => void heard.push(`open-failed ${error.code}`),
    request,
    settled: () => void heard.push('settled'),
    progress: (taskId) => void heard.push(`progress ${taskId}`),
    gone: (error) => void heard.push(`gone ${error.code}`),
  };
  const link = new WorkerLink({
    process,
    open,
    heartbeatMs: 100,
    silenceMs: 1000,
    startMs: 500,
    clock,
    log,
    events,
  });
  const say = async (raw: unknown): Promise<void> => {
    hear(raw);
    await settle();
  };
  const hello = (protocol = 1): Promise<void> => say({ type: 'hello', protocol, version: '0', pid: 7 });
  return {
    clock,
    sent,
    heard,
    logged,
    link,
    say,
    hello,
    exit: (how: string) => exit(how),
    killed: () => killed,
  };
}

const outcome = (seq: number) => ({
  type: 'outcome',
  seq,
  taskId: 1,
  token: 2,
  outcome: {
    status: 'ok',
    error: null,
    warnings: [],
    counters: {
      provisioned: 0,
      used: 0,
      changed: 0,
      skipped: 0,
      read: 0,
      zero: 0,
      known: 0,
      fresh: 0,
      stored: 0,
    },
    phases: {},
    saveset: null,
    report: null,
  },
});

describe('WorkerLink', () => {
  it('sends nothing before the worker has spoken, then opens the device once', async () => {
    const { sent, hello } = begin();
    assert.isEmpty(sent);
    await hello();
    await hello();
    assert.deepEqual(
      sent.map(({ type }) => type),
      ['open'],
    );
  });

  it('tells when the device that it is to lend cannot be opened', async () => {
    const error = new AppError('REPO_KEY_WRONG', 'Cannot open device "tape0"');
    const { hello, sent, heard } = begin(undefined, () => Promise.reject(error));
    await hello();
    assert.isEmpty(sent);
    assert.deepEqual(heard, ['open-failed REPO_KEY_WRONG']);
  });

  it('ends a worker that does not report in time', async () => {
    const { clock, heard, killed } = begin();
    await clock.pass(499);
    assert.equal(killed(), 0);
    await clock.pass(1);
    assert.deepEqual(heard, ['gone WORKER_START_FAILED']);
  });

  it('ends a worker of another protocol', async () => {
    const { hello, heard, sent } = begin();
    await hello(2);
    await settle();
    assert.deepEqual(heard, ['gone IPC_MESSAGE_INVALID']);
    assert.isEmpty(sent);
  });

  it('ends a worker that is silent, however busy it says to be before', async () => {
    const { clock, hello, say, heard } = begin();
    await hello();
    await clock.pass(900);
    await say({ type: 'heartbeat', rssBytes: 1 });
    await clock.pass(900);
    assert.isEmpty(heard);
    await clock.pass(100);
    assert.deepEqual(heard, ['gone WORKER_SILENT']);
  });

  it('ignores what it does not know', async () => {
    const { hello, say, sent, heard, killed } = begin();
    await hello();
    for (const raw of [null, 5, {}, { type: 'news' }, { type: 7 }, { type: 'progress' }]) await say(raw);
    assert.lengthOf(sent, 1);
    assert.isEmpty(heard);
    assert.equal(killed(), 0);
  });

  it('answers a request that does not fit', async () => {
    const { hello, say, sent } = begin();
    await hello();
    await say({ type: 'intent', seq: 3, taskId: 1, token: 1 });
    assert.equal(sent.at(-1)?.result?.error?.code, 'IPC_MESSAGE_INVALID');
    assert.equal(sent.at(-1)?.seq, 3);
  });

  it('answers in the order of the requests', async () => {
    const waits: (() => void)[] = [];
    const { hello, say, sent } = begin(async () => {
      await new Promise<void>((resolve) => waits.push(resolve));
      return {};
    });
    await hello();
    await say({ type: 'fetch', seq: 1, taskId: 1, token: 1 });
    await say({ type: 'fetch', seq: 2, taskId: 1, token: 1 });
    assert.lengthOf(waits, 1);
    waits[0]?.();
    await settle();
    waits[1]?.();
    await settle();
    assert.deepEqual(
      sent.slice(1).map(({ seq }) => seq),
      [1, 2],
    );
  });

  it('says that a task is settled only after the worker was told', async () => {
    const { hello, say, sent, heard } = begin();
    await hello();
    await say(outcome(4));
    assert.equal(sent.at(-1)?.seq, 4);
    assert.deepEqual(heard, ['settled']);
  });

  it('goes on after an outcome that is fenced, and ends a worker whose outcome cannot be recorded', async () => {
    let error = new AppError('IPC_FENCED', 'old');
    const { hello, say, heard } = begin(() => Promise.reject(error));
    await hello();
    await say(outcome(1));
    assert.isEmpty(heard);
    error = new AppError('CATALOG_FAILED', 'disk full');
    await say(outcome(2));
    await settle();
    assert.deepEqual(heard, ['gone CATALOG_FAILED']);
  });

  it('ends a worker that does not go when it is sent home', async () => {
    const { clock, hello, link, heard, say } = begin();
    await hello();
    link.close();
    await say({ type: 'heartbeat', rssBytes: 1 });
    await clock.pass(500);
    assert.deepEqual(heard, ['gone WORKER_SILENT']);
  });

  it('ends a worker that does not stop its task, and not one that did', async () => {
    for (const done of [true, false]) {
      const { clock, hello, link, heard, say } = begin();
      await hello();
      link.cancel(1, 2, 300, () => done);
      await clock.pass(200);
      await say({ type: 'heartbeat', rssBytes: 1 });
      await clock.pass(100);
      assert.deepEqual(heard, done ? [] : ['gone CANCELLED']);
    }
  });

  for (const [what, isClosed, how, message] of [
    ['a worker that was sent home', true, 'exit code 0', 'worker has ended'],
    ['one that was sent home and failed', true, 'exit code 1', 'worker is gone'],
    ['one that went by itself', false, 'exit code 0', 'worker is gone'],
  ] as const) {
    it(`logs of ${what}: ${message}`, async () => {
      const { hello, link, exit, logged } = begin();
      await hello();
      if (isClosed) link.close();
      exit(how);
      assert.deepEqual(logged.slice(-1), [message]);
    });
  }

  it('is not alive any more when the process has ended, and says so once', async () => {
    const { hello, link, exit, heard } = begin();
    await hello();
    assert.isTrue(link.isAlive);
    exit('exit code 1');
    assert.isFalse(link.isAlive);
    await settle();
    assert.deepEqual(heard, ['gone WORKER_DIED']);
  });
});
