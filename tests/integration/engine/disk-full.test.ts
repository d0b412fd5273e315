/** A device that is full in the middle of a backup: a clear error, nothing lost, and it goes on when there is space again. */
import { assert } from 'chai';
import { spawnSync } from 'node:child_process';
import { readEnv } from '../../../shared/base/env.ts';
import { errorTable } from '../../../shared/base/error-table.ts';
import { AppError } from '../../../shared/base/errors.ts';
import { openLocalStorage } from '../../../shared/repository/storage-local.ts';
import { EngineHistory } from '../../support/engine-history.ts';
import { type EngineWorld } from '../../support/engine-model.ts';
import { assertNothingLeft, assertSound, checkReport } from '../../support/engine-proof.ts';
import { FullStorage } from '../../support/full-storage.ts';
import { tempFolder } from '../../support/temp.ts';

const ENDLESS_BYTES = 2 ** 40;
const SAMPLES = 20;
const EVERY_BYTES = 97;

describe('the engine, when the device is full', () => {
  let history: EngineHistory;
  before(async () => {
    history = await EngineHistory.make();
  });
  after(() => history[Symbol.asyncDispose]());

  /** Fails for lack of space; then the attempt is given up, as the service does. */
  async function failsFull(world: EngineWorld): Promise<void> {
    const [guest] = world.guests;
    const error: unknown = await world.backUp(guest!, 'full').catch((e: unknown) => e);
    assert.instanceOf(error, AppError);
    assert.equal(error.code, 'DEVICE_FULL');
    assert.match(errorTable.DEVICE_FULL.help, /^Make space on the device/);
    assert.include(error.message, `"${world.device.storage.location}": no space is left`);
    await world.settle(guest!, 'discard');
    await assertSound(world);
    const { findings } = await checkReport(world);
    assert.isEmpty(findings.filter(({ severity }) => severity === 'leftover'));
  }

  async function goesOn(world: EngineWorld): Promise<void> {
    for (const guest of world.guests) await world.backUp(guest, 'full');
    await assertNothingLeft(world);
  }

  it('loses nothing at whatever byte the space ends', async function () {
    this.timeout(600_000);
    const { storage, world } = history.copy();
    const counting = new FullStorage(storage, ENDLESS_BYTES);
    world.reconnect(counting);
    await world.backUp(world.guests[0]!, 'full');
    const needed = ENDLESS_BYTES - counting.spaceBytes;
    const step = readEnv('BLOCKHOUSE_ALL_CRASHES') === undefined ? needed / SAMPLES : EVERY_BYTES;
    for (let space = 0; space < needed; space += step) {
      const small = history.copy();
      const full = new FullStorage(small.storage, Math.floor(space));
      small.world.reconnect(full);
      await failsFull(small.world);
      full.spaceBytes = ENDLESS_BYTES;
      await goesOn(small.world);
    }
  });

  it('loses nothing on a file system that is full', async function () {
    this.timeout(60_000);
    await using folder = await tempFolder();
    const { storage, world } = history.copy();
    const bytes = [...storage.objects.values()].reduce((sum, object) => sum + object.length + 8192, 0);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder.path]);
    if (mounted.status !== 0) {
      console.log('      skipped: a small file system cannot be mounted here');
      this.skip();
    }
    try {
      const local = openLocalStorage(folder.path);
      for (const [name, object] of storage.objects) await local.put(name, object);
      const ballast = Math.max(0, (await local.freeBytes()) - 40_000);
      await local.put('packs/ballast', new Uint8Array(ballast));
      world.reconnect(local);
      await failsFull(world);
      await local.remove('packs/ballast');
      spawnSync('mount', ['-o', 'remount,size=64m', folder.path]);
      await goesOn(world);
    } finally {
      spawnSync('umount', [folder.path]);
    }
  });
});
