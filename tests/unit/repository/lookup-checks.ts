/** How the tests of the chunk lookup look at it. */
import { assert } from 'chai';
import { type Log, type LogFields, silentLog } from '../../../shared/base/log.ts';
import { ChunkLookup, type LookupOptions } from '../../../shared/repository/chunk-lookup.ts';
import { type MemoryStorage } from '../../../shared/repository/storage-memory.ts';
import { type Storage } from '../../../shared/repository/storage.ts';
import { onStorage } from '../../support/open-devices.ts';
import { type FakePack } from './fake-packs.ts';

const signal = new AbortController().signal;

export const openLookup = (storage: Storage, more: Partial<LookupOptions> = {}): Promise<ChunkLookup> =>
  ChunkLookup.open(onStorage(storage), { signal, ...more });

/** Counts reads, to tell directories from the cache. */
export function counted(storage: MemoryStorage): { storage: Storage; reads: () => number } {
  let reads = 0;
  const proxy = new Proxy<Storage>(storage, {
    get(target, name) {
      if (name === 'readRange') {
        return (...args: Parameters<Storage['readRange']>) => {
          reads++;
          return target.readRange(...args);
        };
      }
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  return { storage: proxy, reads: () => reads };
}

export interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields | undefined;
}

export function recordingLog(): { log: Log; lines: Line[] } {
  const lines: Line[] = [];
  const at =
    (level: string) =>
    (message: string, fields?: LogFields): void =>
      void lines.push({ level, message, fields });
  return { log: { ...silentLog, info: at('info'), warn: at('warn') }, lines };
}

export async function findsAll(lookup: ChunkLookup, packs: readonly FakePack[]): Promise<void> {
  for (const { chunks } of packs) {
    for (const { id, ...place } of chunks) assert.deepEqual(await lookup.find(id), place);
  }
}
