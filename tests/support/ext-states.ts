/** The committed volumes of ext in states that need a mount to make: scripts/make-ext-states.ts makes them. */
import { readFileSync } from 'node:fs';
import { decompress } from 'zstd-napi';

const FOLDER = new URL('../fixtures/ext/', import.meta.url);

export interface ExtState {
  readonly name: string;
  /** How the volume was made and caught. */
  readonly description: string;
  /** What the filter must answer; null when it filters. */
  readonly gate: string | null;
  /** Start and length in bytes of what dumpe2fs calls free when e2fsck has replayed the journal. */
  readonly free: readonly (readonly [start: number, length: number])[];
  /** Bytes that the bitmaps call free on the disk, and that are used after the replay. */
  readonly staleBytes: number;
}

/** Of all states, as the oracles told them. */
export function listExtStates(): readonly ExtState[] {
  return JSON.parse(readFileSync(new URL('states.json', FOLDER), 'utf8')) as ExtState[];
}

/** The volume itself. */
export function loadExtState(name: string): Buffer {
  return decompress(readFileSync(new URL(`${name}.raw.zst`, FOLDER)));
}
