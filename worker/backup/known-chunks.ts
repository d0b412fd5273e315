/**
 * What an attempt may build on: the chunks of the device but for packs that are to go. Asked only after the attempt is known on
 * the device; so reclaiming either waits for it or has told it what not to use. docs/flows/reclaiming.md.
 */
import { type ChunkLookup } from '../../shared/repository/chunk-lookup.ts';
import { readCondemnedPacks } from '../../shared/repository/condemned-packs.ts';
import { type TaskContext } from '../task-context.ts';

/**
 * The stream's lookup may be older than the attempt: packs that went in between are found when an index that names them is
 * written.
 * @throws AppError `FORMAT_INVALID` when it cannot be told what is condemned
 */
export async function openKnownChunks({
  stream,
  signal,
}: Pick<TaskContext, 'stream' | 'signal'>): Promise<ChunkLookup> {
  const condemned = await readCondemnedPacks(stream.storage);
  const lookup = await stream.lookup(signal);
  lookup.excludePacks(condemned);
  return lookup;
}
