/** The service, as `blockhouse serve` runs it: folders, settings, log, core and API. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from '../shared/base/clock.ts';
import { describeError, openLog } from '../shared/base/log.ts';
import { PRODUCT, VERSION } from '../shared/base/version.ts';
import { App } from './app.ts';
import { loadConfig } from './config-file.ts';
import { runDaemon } from './daemon.ts';

export interface ServiceOptions {
  readonly dataDir: string;
  readonly configFile: string | undefined;
  readonly tell: (line: string) => void;
  readonly stop: AbortSignal;
}

const OWNER_ONLY = 0o700;

/** Runs until `stop` aborts, then stops gracefully. */
export async function runService({ dataDir, configFile, tell, stop }: ServiceOptions): Promise<void> {
  const folder = path.join(dataDir, 'logs');
  const config = await loadConfig(dataDir, configFile);
  await mkdir(dataDir, { recursive: true, mode: OWNER_ONLY });
  await mkdir(folder, { recursive: true, mode: OWNER_ONLY });
  const log = openLog({ kind: 'master', folder, level: config.logLevel });
  tell(`${PRODUCT} ${VERSION}, data folder ${dataDir}, logs in ${folder}`);
  const openCore = (): Promise<App> => App.open({ dataDir, config, log, clock: systemClock });
  try {
    await runDaemon({
      dataDir,
      listenPort: config.listenPort,
      log,
      clock: systemClock,
      openCore,
      tell,
      stop,
    });
    tell('Stopped');
  } catch (error) {
    log.error('service ended', { error: describeError(error) });
    throw error;
  }
}
