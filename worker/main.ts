/**
 * Entry of a worker process. It speaks first, obeys, and never outlives its channel: when the master is gone, the ledger
 * knows the snapshot and the next start of the service removes it.
 */
import { systemClock } from '../shared/base/clock.ts';
import { readEnv } from '../shared/base/env.ts';
import { type LogOptions, openLog } from '../shared/base/log.ts';
import { VERSION } from '../shared/base/version.ts';
import { IPC_PROTOCOL, type ToMaster } from '../shared/contract/ipc.ts';
import { MasterLink } from './master-link.ts';
import { TaskLoop } from './task-loop.ts';

const levels: readonly LogOptions['level'][] = ['error', 'warn', 'info', 'debug'];
const folder = readEnv('BLOCKHOUSE_LOGS');
const log = openLog({
  kind: 'worker',
  level: levels.find((level) => level === readEnv('BLOCKHOUSE_LOG_LEVEL')) ?? 'info',
  ...(folder === undefined ? {} : { folder }),
});

const link = new MasterLink(
  { send: (message: ToMaster) => void process.send?.(message, () => undefined) },
  log,
);
const loop = new TaskLoop(link, { log, clock: systemClock, cacheFolder: readEnv('BLOCKHOUSE_CACHE') });

process.on('message', (raw) => {
  const order = link.receive(raw);
  if (order === undefined) return;
  loop.obey(order).then(
    (isOver) => {
      if (isOver && process.connected) process.disconnect();
    },
    (error: unknown) => log.error('Order failed', { order: order.type, error }),
  );
});
process.on('disconnect', () => {
  link.close();
  process.exit(0);
});
// A terminal sends Ctrl-C to the whole group of processes: the master decides what ends.
process.on('SIGINT', () => undefined);

link.tell({ type: 'hello', protocol: IPC_PROTOCOL, version: VERSION, pid: process.pid });
