/** The service is killed in the middle of a backup; a new one takes up its folder. */
import { assert } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { App } from '../../master/app.ts';
import { systemClock } from '../../shared/base/clock.ts';
import { hasCode } from '../../shared/base/errors.ts';
import { silentLog } from '../../shared/base/log.ts';
import { parseConfig } from '../../shared/contract/config.ts';
import { FAKE_WORKER, eventually, fakeVsphere } from '../support/app-harness.ts';
import { sourceArguments } from '../support/run-source.ts';

const SCRIPT = fileURLToPath(new URL('../support/crashing-app.ts', import.meta.url));

interface Place {
  readonly dataDir: string;
  readonly folder: string;
  readonly runId: number;
  readonly workerPid: number;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('a service that is killed', function () {
  this.timeout(60_000);

  it('leaves its folder free, its worker ends, and the next one removes the snapshot and says what failed', async () => {
    const child = spawn(process.execPath, [...sourceArguments, SCRIPT], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const place = JSON.parse(line.toString()) as Place;
    const cleaned: string[] = [];
    const vsphere = fakeVsphere({ cleaned, removals: [], vms: () => [] });
    const config = parseConfig({});
    const { dataDir } = place;
    const options = {
      dataDir,
      config,
      log: silentLog,
      clock: systemClock,
      workerEntry: FAKE_WORKER,
      vsphere,
    };
    const refused: unknown = await App.open(options).catch((error: unknown) => error);
    assert.isTrue(hasCode(refused, 'SERVICE_ALREADY_RUNNING'));

    child.kill('SIGKILL');
    await once(child, 'exit');
    await eventually(() => !isAlive(place.workerPid));
    {
      await using app = await App.open(options);
      const run = await app.services.runs.show(place.runId);
      assert.deepInclude(run, { state: 'done', outcome: 'failed' });
      assert.deepEqual(
        run.tasks.map((task) => task.error?.code),
        ['SERVICE_STOPPING', 'SERVICE_STOPPING'],
      );
      await eventually(async () => (await app.services.runs.show(place.runId)).snapshots === 0);
      assert.lengthOf(cleaned, 1);
      assert.isEmpty(await app.services.points.list({ limit: 10 }));
    }
    await rm(place.folder, { recursive: true, force: true });
  });
});
