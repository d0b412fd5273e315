/** What the worker's pure parts ask of the world: the only border at which a disk is touched. */

/** Reads of one disk state. Concurrent calls are allowed up to `maxInFlight`. */
export interface BlockReader extends AsyncDisposable {
  readonly capacityBytes: number;
  readonly transport: 'https' | 'file';
  readonly maxInFlight: number;
  /** Fills `into` completely from byte `offset`, or fails (`TRANSPORT_SHORT_READ` …). */
  read(offset: number, into: Uint8Array, signal?: AbortSignal): Promise<void>;
}
