/**
 * The life of the service around its core: core opened (it takes the lock of the data folder), API opened, endpoint file
 * written; and back in the opposite order when it is told to stop. What the core is made of is app.ts's business.
 */
import { once } from 'node:events';
import { type Clock } from '../shared/base/clock.ts';
import { type Log } from '../shared/base/log.ts';
import { VERSION } from '../shared/base/version.ts';
import { newToken } from './http/auth.ts';
import { removeEndpoint, writeEndpoint } from './http/endpoint.ts';
import { HttpServer } from './http/server.ts';
import { type Services } from './services.ts';

/** The core; disposing it cancels what runs, removes its snapshots and gives the lock back. */
interface Core extends AsyncDisposable {
  readonly services: Services;
}

export interface DaemonOptions {
  readonly dataDir: string;
  readonly listenPort: number;
  readonly log: Log;
  readonly clock: Clock;
  readonly openCore: () => Promise<Core>;
  /** Lines for whoever started the service. */
  readonly tell: (line: string) => void;
  /** Ends the service when it aborts. */
  readonly stop: AbortSignal;
}

/** Resolves after a graceful stop. @throws AppError `SERVICE_ALREADY_RUNNING`, `CONFIG_INVALID` for a port that is taken */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const { dataDir, log, clock, stop, tell } = options;
  await using core = await options.openCore();
  const token = newToken();
  await using http = await HttpServer.open({
    services: core.services,
    token,
    log,
    port: options.listenPort,
    clock,
  });
  try {
    await writeEndpoint(dataDir, { url: http.url, token, pid: process.pid, version: VERSION });
    log.info('service started', { url: http.url, version: VERSION });
    tell(`Listening on ${http.url}`);
    if (!stop.aborted) await once(stop, 'abort');
    log.info('service stops');
    tell(
      'Stopping: running tasks are cancelled and their snapshots removed; a second signal ends it at once',
    );
  } finally {
    await removeEndpoint(dataDir);
  }
}
