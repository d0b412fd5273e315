/** What must hold of a device whatever was done to it: points give what the model says, a check finds nothing, no space is lost. */
import { assert } from 'chai';
import { systemClock } from '../../shared/base/clock.ts';
import { type CheckReport } from '../../shared/contract/device-report.ts';
import { toHex } from '../../shared/format/hash.ts';
import { PACKS_FOLDER, packIdOf } from '../../shared/format/names.ts';
import { isMarked, readDamageMarks } from '../../shared/repository/damage-marks.ts';
import { readDirectory } from '../../shared/repository/pack-directories.ts';
import { listSealed } from '../../shared/repository/saveset-store.ts';
import { checkDevice, reportOf } from '../../worker/check/check-device.ts';
import { OpenChain } from '../../worker/restore/open-chain.ts';
import { readChunks } from '../../worker/restore/read-chunks.ts';
import { SegmentedDisk } from '../../worker/restore/segmented-disk.ts';
import { type EnginePoint } from './engine-backup.ts';
import { type EngineWorld } from './engine-model.ts';
import { recordsInUse } from './engine-records.ts';
import { GRAIN } from './guest-disk.ts';

const { signal } = new AbortController();

/** Every point of the model is on the device, gives what it must, and nothing else is a point. */
async function assertPoints(world: EngineWorld): Promise<void> {
  const sealed: string[] = [];
  for await (const savesetId of listSealed(world.device.storage)) {
    if (!world.removing.has(savesetId)) sealed.push(savesetId);
  }
  assert.sameMembers(sealed, [...world.points.keys()], 'the points of the device');
  for (const point of world.points.values()) await assertRestores(world, point);
}

/** Restores every disk of a point and compares it with the model, byte for byte. */
export async function assertRestores(world: EngineWorld, point: EnginePoint): Promise<void> {
  const stream = world.openStream();
  await using chain = await OpenChain.open(world.chain(point, stream), { stream, signal });
  for (const [key, { bytes, isRight }] of point.expected) {
    const restored = await restoreDisk(chain, key, bytes.length);
    const wrong = [...isRight.keys()].filter((grain) => {
      const [start, end] = [grain * GRAIN, (grain + 1) * GRAIN];
      return !restored.subarray(start, end).equals(bytes.subarray(start, end));
    });
    assert.deepEqual(wrong, [], `grains of disk ${key} of the ${point.type} ${point.savesetId}`);
  }
}

async function restoreDisk(chain: OpenChain, key: number, capacityBytes: number): Promise<Buffer> {
  const restored = Buffer.alloc(capacityBytes);
  const disk = await SegmentedDisk.open(chain, key);
  for (const [segment, extent] of disk.extents.entries()) {
    await readChunks(chain, await disk.resolve(segment), {
      signal,
      onChunk: ({ writes }, bytes) => {
        for (const { start, length, offsetInChunk } of writes)
          restored.set(bytes.subarray(offsetInChunk, offsetInChunk + length), extent.start + start);
      },
    });
  }
  return restored;
}

/** What `device check --payloads` says. */
export async function checkReport(world: EngineWorld): Promise<CheckReport> {
  const live = new Set(world.guests.flatMap(({ open }) => (open === undefined ? [] : [open.savesetId])));
  const check = await checkDevice(world.device, {
    ...{ signal, payloads: true, nowMs: systemClock.nowMs(), progress: () => undefined },
    statesOf: (ids) =>
      Promise.resolve(new Map(ids.map((id) => [id, live.has(id) ? 'live' : 'over'] as const))),
  });
  return reportOf(check);
}

/** Nothing is damaged; packs that were damaged on purpose have all their chunks elsewhere. */
export async function assertSound(world: EngineWorld): Promise<void> {
  await assertPoints(world);
  const { counts, lostChunks, findings } = await checkReport(world);
  assert.deepEqual(
    { damage: counts.damage, lostChunks },
    { damage: 0, lostChunks: 0 },
    JSON.stringify(findings),
  );
}

/** As `assertSound`; then nothing is under way, and reclaiming leaves no pack of which nothing is in use. */
export async function assertNothingLeft(world: EngineWorld): Promise<void> {
  for (let i = 0; i < 2; i++) assert.deepEqual((await world.reclaim()).waiting, []);
  await assertSound(world);
  const { storage } = world.device;
  const { packs, wanted } = await inUse(world);
  for await (const { name, lengthBytes } of storage.list(PACKS_FOLDER)) {
    const packId = packIdOf(name)!;
    if (packs.has(packId)) continue;
    const entries = await readDirectory(storage, { packId, lengthBytes });
    const standsIn = entries.some(({ id }) => wanted.has(toHex(id)));
    assert.isTrue(standsIn, `something of pack ${packId} is in use`);
  }
}

/** Packs that points read from, and the chunks of which the record there is marked as damaged. */
async function inUse(world: EngineWorld) {
  const marks = await readDamageMarks(world.device.storage);
  const packs = new Set<string>();
  const wanted = new Set<string>();
  for await (const ref of recordsInUse(world)) {
    packs.add(ref.packId);
    if (isMarked(marks, ref)) wanted.add(toHex(ref.id));
  }
  return { packs, wanted };
}
