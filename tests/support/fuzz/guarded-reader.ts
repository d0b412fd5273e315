/** A disk that counts what is read of it, and fails when it is read without end, outside itself or in pieces without a bound. */
import { AssertionError } from 'chai';
import { type BlockReader } from '../../../worker/ports.ts';

/** LVM2 metadata, the largest that is read at once; all else has 4 MiB at most. */
const MAX_READ_BYTES = 8 * 1024 * 1024;
const SPARE_CALLS = 2000;
const SPARE_BYTES = 32 * 1024 * 1024;
const CALL_BYTES = 4096;

export interface ReadCounts {
  calls: number;
  bytes: number;
}

/** The first `capacityBytes` of a disk; `counts` goes up with every read. */
export function guardedReader(disk: Buffer, capacityBytes: number, counts: ReadCounts): BlockReader {
  const maxCalls = SPARE_CALLS + capacityBytes / CALL_BYTES;
  const maxBytes = SPARE_BYTES + 3 * capacityBytes;
  return {
    capacityBytes,
    transport: 'file',
    maxInFlight: 4,
    read(offset, into, signal) {
      signal?.throwIfAborted();
      counts.calls++;
      counts.bytes += into.length;
      if (counts.calls > maxCalls) throw new AssertionError(`more than ${maxCalls} reads`);
      if (counts.bytes > maxBytes) throw new AssertionError(`more than ${maxBytes} bytes read`);
      if (into.length > MAX_READ_BYTES) throw new AssertionError(`a read of ${into.length} bytes`);
      if (!(offset >= 0 && offset + into.length <= capacityBytes)) {
        throw new AssertionError(`a read of ${into.length} bytes at ${offset} outside the disk`);
      }
      into.set(disk.subarray(offset, offset + into.length));
      return Promise.resolve();
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
