/** Work on a stream of items with a bound on how many are under way. */

/**
 * Takes items one by one and works on at most `limit` at a time. Ends when all have ended; after the first failure no item
 * is taken any more, what runs is waited for, and the failure is thrown.
 */
export async function forEachLimit<T>(
  items: Iterable<T> | AsyncIterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const source = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let failed = false;
  async function lane(): Promise<void> {
    try {
      for (let next = await source.next(); next.done !== true && !failed; next = await source.next()) {
        await work(next.value);
      }
    } catch (error) {
      failed = true;
      throw error;
    }
  }
  const lanes = await Promise.allSettled(Array.from({ length: limit }, () => lane()));
  await source.return?.();
  for (const lane of lanes) if (lane.status === 'rejected') throw lane.reason;
}
