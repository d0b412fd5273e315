/** A storage on a device that has room for so many bytes more; what is removed gives nothing back. */
import { writeError } from '../../shared/repository/storage-errors.ts';
import { type ObjectWriter, type Storage } from '../../shared/repository/storage.ts';
import { FaultyStorage } from './faulty-storage.ts';

export class FullStorage extends FaultyStorage {
  /** May be raised at any time. */
  spaceBytes: number;

  constructor(inner: Storage, spaceBytes: number) {
    super(inner);
    this.spaceBytes = spaceBytes;
  }

  override async put(name: string, bytes: Uint8Array): Promise<void> {
    this.#take(name, bytes.length);
    await super.put(name, bytes);
  }

  override async create(name: string, asideName: string): Promise<ObjectWriter> {
    const writer = await super.create(name, asideName);
    return {
      get lengthBytes() {
        return writer.lengthBytes;
      },
      append: async (bytes) => {
        // a device takes what fits before it says that it is full
        if (bytes.length > this.spaceBytes) await writer.append(bytes.subarray(0, this.spaceBytes));
        this.#take(name, bytes.length);
        await writer.append(bytes);
      },
      finish: () => writer.finish(),
      abort: () => writer.abort(),
    };
  }

  #take(name: string, lengthBytes: number): void {
    if (lengthBytes > this.spaceBytes) {
      this.spaceBytes = 0;
      throw writeError(Object.assign(new Error('no space'), { code: 'ENOSPC' }), this.location, name);
    }
    this.spaceBytes -= lengthBytes;
  }
}
