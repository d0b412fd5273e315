/** Damage to records in use, as a device may do it, and what the rest of the engine makes of it. */
import { assert } from 'chai';
import { hasCode } from '../../shared/base/errors.ts';
import { type ChunkAddress } from '../../shared/format/disk-index.ts';
import { toHex } from '../../shared/format/hash.ts';
import { packName } from '../../shared/format/names.ts';
import { CHUNK_HEADER_BYTES } from '../../shared/format/pack.ts';
import { ChunkReader } from '../../shared/repository/chunk-reader.ts';
import { isMarked, markDamaged, readDamageMarks } from '../../shared/repository/damage-marks.ts';
import { type TaskResult } from '../../worker/task-context.ts';
import { verifyPoint } from '../../worker/verify/verify-point.ts';
import { EngineBackup, type EnginePoint, TOKEN } from './engine-backup.ts';
import { type EngineWorld } from './engine-model.ts';
import { recordsInUse } from './engine-records.ts';
import { GRAIN } from './guest-disk.ts';
import { taskContext } from './reclaim-world.ts';

type Storage = EngineWorld['device']['storage'];

/** @throws what the point has lost */
export async function verify(world: EngineWorld, point: EnginePoint): Promise<TaskResult> {
  const stream = world.openStream();
  const ids = { taskId: 1, attempt: 1, token: TOKEN, runId: 1 };
  const chain = world.chain(point, stream);
  const result = await verifyPoint({ kind: 'verify', ...ids, chain }, taskContext(stream));
  if (result.failure !== undefined) throw result.failure;
  return result;
}

/**
 * Says that a record in use is damaged although it is not: from then on nothing new builds on it. Not of a chunk that has lost
 * a record already: two faults may lose it.
 */
export async function markOne(world: EngineWorld, which: number): Promise<boolean> {
  const ref = await recordOf(world, which);
  if (ref === undefined || world.brokenChunks.has(toHex(ref.id))) return false;
  await markDamaged(world.device.storage, ref);
  return true;
}

/**
 * Damages a record in use, lets a verification find it, and then a guest that has the same bytes is backed up: that stores
 * the chunk anew, and nothing is lost any more. The new point may go at any time; the record must stay all the same.
 */
export async function breakAndHeal(world: EngineWorld, which: number): Promise<void> {
  const ref = await recordOf(world, which);
  if (ref === undefined) return;
  world.brokenChunks.add(toHex(ref.id));
  const plain = await readPlain(world, ref);
  await flip(world.device.storage, ref);
  await verifyAll(world);
  assert.isTrue(isMarked(await readDamageMarks(world.device.storage), ref), 'the damaged record is marked');
  await heal(world, plain);
}

/** A record that a point leads to, and that is not marked. */
async function recordOf(world: EngineWorld, which: number): Promise<ChunkAddress | undefined> {
  const marks = await readDamageMarks(world.device.storage);
  const records = new Map<string, ChunkAddress>();
  for await (const ref of recordsInUse(world)) {
    if (!isMarked(marks, ref)) records.set(`${ref.packId}.${ref.offset}`, { ...ref, id: ref.id.slice() });
  }
  return [...records.values()][which % Math.max(1, records.size)];
}

async function readPlain({ device }: EngineWorld, ref: ChunkAddress): Promise<Buffer> {
  await using reader = new ChunkReader(device);
  const plain = Buffer.alloc(ref.plainLength);
  await reader.read(ref, plain);
  return plain;
}

async function flip(storage: Storage, { packId, offset }: ChunkAddress): Promise<void> {
  const name = packName(packId);
  const bytes = await storage.readWhole(name, 2 ** 30);
  bytes[offset + CHUNK_HEADER_BYTES]! ^= 1;
  await storage.remove(name);
  await storage.put(name, bytes);
}

/** Points may be lost in part now. */
async function verifyAll(world: EngineWorld): Promise<void> {
  for (const point of world.points.values()) {
    try {
      await verify(world, point);
    } catch (error) {
      if (!hasCode(error, 'VERIFY_FAILED')) throw error;
    }
  }
}

async function heal(world: EngineWorld, plain: Buffer): Promise<void> {
  const at = world.tick();
  const grains = Array.from({ length: Math.ceil(plain.length / GRAIN) }, () => at);
  const uses = grains.map(() => 'file' as const);
  const disks = [{ key: 2000, bytes: plain, uses, writtenAt: grains, changeId: 'none', at }];
  const order = {
    guest: 'twin',
    disks,
    at,
    type: 'full',
    abm: false,
    dropCopies: false,
    base: undefined,
  } as const;
  await world.run(new EngineBackup(order, world.openStream()));
}
