/**
 * The port under a device: named objects that are written once and read in pieces. tests/contract/storage.ts holds each
 * implementation to what is said here.
 *
 * Names: segments of letters, digits and `. _ -`, joined by `/`, none beginning with a dot. All calls may run
 * concurrently. Errors are AppErrors; those of the system below come as `REPO_READ_FAILED`, `REPO_WRITE_FAILED`,
 * `DEVICE_FULL` or `DEVICE_OFFLINE` and name the location.
 */

export interface ObjectEntry {
  readonly name: string;
  readonly lengthBytes: number;
}

/** One object in the making. Calls one after the other; after the first error only `abort` is allowed. */
export interface ObjectWriter {
  /** Handed over so far. */
  readonly lengthBytes: number;
  /** Adds bytes at the end; they may be reused as soon as the promise resolves. */
  append(bytes: Uint8Array): Promise<void>;
  /**
   * Makes the object durable and then visible under its name, all or nothing.
   * @throws AppError `REPO_OBJECT_EXISTS`: the other object stays as it was
   */
  finish(): Promise<void>;
  /** Removes what was written; also after an error, and harmless after `finish`. */
  abort(): Promise<void>;
}

export interface Storage {
  /** For messages: the folder, or what takes its place. */
  readonly location: string;
  /**
   * Fills `into` from `offset` on; returns how many bytes there were, less than asked for only at the object's end.
   * @throws AppError `REPO_OBJECT_MISSING`
   */
  readRange(name: string, offset: number, into: Uint8Array): Promise<number>;
  /**
   * The whole object, in memory of its own.
   * @throws AppError `REPO_OBJECT_MISSING`; `FORMAT_INVALID` when it is larger than `maxBytes` (nothing is read then)
   */
  readWhole(name: string, maxBytes: number): Promise<Uint8Array>;
  /** @throws AppError `REPO_OBJECT_MISSING` */
  size(name: string): Promise<number>;
  exists(name: string): Promise<boolean>;
  /**
   * Stores an object, durable when the promise resolves, all or nothing.
   * @throws AppError `REPO_OBJECT_EXISTS`: of two at once, one fails
   */
  put(name: string, bytes: Uint8Array): Promise<void>;
  /** Begins an object that is written under `asideName` (ends with `.partial`) and appears under `name` when finished. */
  create(name: string, asideName: string): Promise<ObjectWriter>;
  /** All objects below a folder at any depth (`''`: all there are), in any order; none for a folder that is not there. */
  list(folder: string): AsyncIterable<ObjectEntry>;
  /**
   * The names of the folders right below a folder, in any order: far cheaper than `list`, as no object is looked at. A folder that is
   * listed may be empty.
   */
  listFolders(folder: string): AsyncIterable<string>;
  /**
   * All that `list` leaves out below a folder, in any order: what is being written or was left so, and files with names
   * that no object has.
   */
  listRest(folder: string): AsyncIterable<ObjectEntry>;
  /** Removes an object, durably; one that is not there is no error. */
  remove(name: string): Promise<void>;
  /** Removes what was being written, by its aside name, when nobody writes it any more; none is no error. */
  removeAside(asideName: string): Promise<void>;
  /** Removes a folder with all that is in it, also what is being written. */
  removeFolder(folder: string): Promise<void>;
  /** Removes a folder that nothing is in; any other one, and none, stays as it is. Objects may come into it at the same time. */
  removeEmptyFolder(folder: string): Promise<void>;
  /** Space that may still be written. */
  freeBytes(): Promise<number>;
}
