/** A device in memory with nothing but seals, manifests and pins, for tests of what is kept and deleted. */
import { type PointRemover } from '../../master/retention/removal.ts';
import { type SavesetRecord } from '../../master/catalog/saveset-rows.ts';
import { readPin } from '../../shared/repository/pins.ts';
import { removeSaveset } from '../../shared/repository/saveset-store.ts';
import { MemoryStorage } from '../../shared/repository/storage-memory.ts';
import { onStorage } from './open-devices.ts';
import { type Storage } from '../../shared/repository/storage.ts';

/** Holds `points` as sealed savesets. */
export function deviceOf(points: readonly SavesetRecord[]): MemoryStorage {
  const storage = new MemoryStorage();
  for (const { savesetId } of points) {
    for (const name of ['manifest.json', 'disk-2000.0.0.index', 'seal.json'])
      storage.objects.set(`savesets/${savesetId}/${name}`, Buffer.from(savesetId));
  }
  return storage;
}

export function sealedOn(storage: MemoryStorage): ReadonlySet<string> {
  const seals = [...storage.objects.keys()].filter((name) => name.endsWith('/seal.json'));
  return new Set(seals.map((name) => name.split('/')[1] ?? ''));
}

/** The port of removals on one storage for every device; `whyOffline` names devices that are away. */
export function removerOn(
  storage: Storage,
  whyOffline: (deviceId: string) => string | undefined = () => undefined,
): PointRemover {
  return {
    whyOffline: ({ deviceId }) => Promise.resolve(whyOffline(deviceId)),
    readPin: (_device, savesetId) => readPin(onStorage(storage), savesetId),
    remove: (_device, savesetId) => removeSaveset(storage, savesetId),
  };
}
