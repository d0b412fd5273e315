import { assert } from 'chai';
import { writeFile } from 'node:fs/promises';
import { type WorkerProcess } from '../../master/dispatch/ports.ts';
import { WorkerPool } from '../../master/dispatch/worker-pool.ts';
import { systemClock } from '../../shared/base/clock.ts';
import { type Log, silentLog } from '../../shared/base/log.ts';
import { FAKE_WORKER } from '../support/app-harness.ts';
import { type TempFolder, tempFolder } from '../support/temp.ts';

/** Hurries the pool, so that a worker that does not end is given up at once. */
const hurried = { ...systemClock, sleep: (_ms: number, stop?: AbortSignal) => systemClock.sleep(50, stop) };

describe('WorkerPool', function () {
  this.timeout(30_000);
  let temp: TempFolder;
  before(async () => {
    temp = await tempFolder();
  });
  after(() => temp[Symbol.asyncDispose]());

  async function script(name: string, text: string): Promise<string> {
    const file = temp.file(`${name}.mjs`);
    await writeFile(file, text);
    return file;
  }

  const firstMessage = (worker: WorkerProcess): Promise<unknown> =>
    new Promise((resolve) => worker.onMessage(resolve));
  const endOf = (worker: WorkerProcess): Promise<string> => new Promise((resolve) => worker.onExit(resolve));

  it('lets workers end by themselves', async () => {
    const pool = new WorkerPool({ entry: FAKE_WORKER, log: silentLog, clock: systemClock, env: {} });
    const workers = [pool.fork(), pool.fork()];
    const ends = Promise.all(workers.map(endOf));
    await Promise.all(workers.map(firstMessage));
    await pool[Symbol.asyncDispose]();
    assert.deepEqual(await ends, ['exit code 0', 'exit code 0']);
  });

  it('ends a worker that does not hear that its channel is closed', async () => {
    const entry = await script('deaf', 'process.send({ type: "hello" }, () => { for (;;); });');
    const pool = new WorkerPool({ entry, log: silentLog, clock: hurried, env: {} });
    const worker = pool.fork();
    const end = endOf(worker);
    await firstMessage(worker);
    await pool[Symbol.asyncDispose]();
    assert.equal(await end, 'signal SIGKILL');
    worker.send({ type: 'close' });
  });

  it('gives workers their environment, and writes what they say on standard error to the log', async () => {
    const entry = await script('loud', 'console.error(process.env.BLOCKHOUSE_TEST); process.exit(3);');
    const lines: unknown[] = [];
    const log: Log = { ...silentLog, warn: (_message, fields) => void lines.push(fields?.['line']) };
    await using pool = new WorkerPool({ entry, log, clock: systemClock, env: { BLOCKHOUSE_TEST: 'told' } });
    assert.equal(await endOf(pool.fork()), 'exit code 3');
    while (lines.length === 0) await systemClock.sleep(5);
    assert.deepEqual(lines, ['told']);
  });
});
