/** The bytes of a flat disk in an ordinary file, and how reading a file fails. */
import { DirectFile } from '../../../shared/base/direct-file.ts';
import { AppError, isAppError, systemCode } from '../../../shared/base/errors.ts';
import { type BlockReader } from '../../ports.ts';
import { checkBounds } from '../read-bounds.ts';

/** Reads at a time: two to four are half again as fast as one, more are not. */
const MAX_IN_FLIGHT = 4;

export interface FlatFile {
  readonly path: string;
  /** Where the disk begins in the file. */
  readonly offsetBytes: number;
  readonly capacityBytes: number;
}

/**
 * Opens the file; disposing of the reader closes it.
 * @throws AppError `TRANSPORT_SHORT_READ` when it is shorter than the disk; `TRANSPORT_FAILED`
 */
export async function openFlatFile(file: FlatFile, signal: AbortSignal): Promise<BlockReader> {
  signal.throwIfAborted();
  const opened = await calling(file.path, () => DirectFile.open(file.path, 'read'));
  try {
    await checkLength(opened, file.path, file.offsetBytes + file.capacityBytes);
    return new FileDisk(opened, file);
  } catch (error) {
    await opened.close();
    throw error;
  }
}

class FileDisk implements BlockReader {
  readonly transport = 'file';
  readonly maxInFlight = MAX_IN_FLIGHT;
  readonly capacityBytes: number;
  readonly #file: DirectFile;
  readonly #path: string;
  readonly #offsetBytes: number;

  constructor(file: DirectFile, { path, offsetBytes, capacityBytes }: FlatFile) {
    this.#file = file;
    this.#path = path;
    this.#offsetBytes = offsetBytes;
    this.capacityBytes = capacityBytes;
  }

  async read(offset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    checkBounds(this.capacityBytes, offset, into.length);
    for (let done = 0; done < into.length;) {
      signal?.throwIfAborted();
      const place = this.#offsetBytes + offset + done;
      const bytesRead = await calling(this.#path, () => this.#file.read(place, into.subarray(done)));
      if (bytesRead === 0) throw tooShort(this.#path, place);
      done += bytesRead;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

async function checkLength(opened: DirectFile, file: string, neededBytes: number): Promise<void> {
  const { size } = await calling(file, () => opened.plain.stat());
  if (size < neededBytes) throw tooShort(file, size);
}

/** @throws AppError `TRANSPORT_FAILED` for what `call` throws */
export async function calling<T>(file: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw failed(file, error);
  }
}

export function failed(file: string, error: unknown): AppError {
  if (isAppError(error)) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const facts = { file, system: systemCode(error) ?? null };
  return new AppError('TRANSPORT_FAILED', `Cannot read the file "${file}": ${reason}`, facts, error);
}

function tooShort(file: string, at: number): AppError {
  return new AppError('TRANSPORT_SHORT_READ', `Cannot read the file "${file}": it ends at byte ${at}`, {
    file,
    at,
  });
}
