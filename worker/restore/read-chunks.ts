/** All chunks of a resolved segment, read once in the order of devices, packs and offsets, and proven. */
import { type Warning } from '../../shared/contract/ipc.ts';
import { type AppError } from '../../shared/base/errors.ts';
import { type ChunkFound } from '../../shared/repository/chunk-reader.ts';
import { type ChunkRead, type ResolvedDisk } from '../../shared/repository/resolve-disk.ts';
import { type OpenChain } from './open-chain.ts';

/** Keeps device and threads busy; each read holds up to 8 MiB. */
const READS_IN_FLIGHT = 8;

export interface ChunkSink {
  readonly signal: AbortSignal;
  /** Told of a chunk that is lost instead of ending with its error. */
  readonly onLost?: (read: ChunkRead, error: AppError) => void;
  /** Reads that are not needed: they are passed by. */
  readonly isKnown?: (read: ChunkRead) => boolean;
  /** Gets bytes that are valid until it resolves, and where they were; calls overlap. */
  onChunk(read: ChunkRead, bytes: Uint8Array, found: ChunkFound): void | Promise<void>;
}

/**
 * Reads a segment and gives the stored bytes that were sound. When it throws, no read of it runs any more.
 * @throws AppError `REPO_CHUNK_DAMAGED`, `REPO_CHUNK_MISSING`, what the storage says; the signal's reason
 */
export async function readChunks(chain: OpenChain, disk: ResolvedDisk, sink: ChunkSink): Promise<number> {
  const { signal, onLost, isKnown = () => false } = sink;
  const options = { signal, concurrency: READS_IN_FLIGHT, ...(onLost === undefined ? {} : { onLost }) };
  let readBytes = 0;
  for (const deviceId of new Set(disk.layers.map((layer) => layer.deviceId))) {
    const reads = readsOf(disk, deviceId, isKnown);
    await chain.device(deviceId).reader.readMany(reads, options, async (read, bytes, found) => {
      await sink.onChunk(read, bytes, found);
      readBytes += read.storedLength;
    });
  }
  return readBytes;
}

/** Says that records are damaged although no byte is lost. */
export function detourWarnings(chain: OpenChain): Warning[] {
  if (chain.detours === 0) return [];
  const message = `Chunks that are damaged where they were noted, but sound elsewhere: ${chain.detours}`;
  return [{ code: 'REPO_CHUNK_ELSEWHERE', message }];
}

function* readsOf(
  disk: ResolvedDisk,
  deviceId: string,
  isKnown: (read: ChunkRead) => boolean,
): Generator<ChunkRead> {
  for (const read of disk.reads) if (read.deviceId === deviceId && !isKnown(read)) yield read;
}
