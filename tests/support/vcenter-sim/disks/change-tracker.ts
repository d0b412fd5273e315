/**
 * Changed block tracking of one disk: for each 64 KiB grain, the number of the interval in which it was last
 * written. A snapshot freezes a copy and ends the interval. A ChangeId is `epoch/interval`, for example
 * `52 de c0 d9 b9 43 9d 10-61 d5 4c 1b e9 7b 65 63/4`.
 */
import { randomBytes } from 'node:crypto';
import { GRAIN_BYTES, grainSpans } from './layer.ts';

/** What a snapshot remembers of the tracking. */
export interface FrozenChanges {
  readonly epoch: string;
  readonly sequence: number;
  readonly lastWritten: Uint32Array;
}

export interface Area {
  readonly start: number;
  readonly length: number;
}

export class ChangeTracker {
  #epoch = newEpoch();
  #sequence = 1;
  #lastWritten: Uint32Array;

  constructor(capacityBytes: number) {
    this.#lastWritten = new Uint32Array(Math.ceil(capacityBytes / GRAIN_BYTES));
  }

  get changeId(): string {
    return `${this.#epoch}/${String(this.#sequence)}`;
  }

  mark(offset: number, length: number): void {
    for (const [grain] of grainSpans(offset, length)) this.#lastWritten[grain] = this.#sequence;
  }

  /** Ends the interval; later writes count as changed since the returned state. */
  freeze(): FrozenChanges {
    const frozen = this.current();
    this.#sequence++;
    return frozen;
  }

  /** The state now, without ending the interval. */
  current(): FrozenChanges {
    return { epoch: this.#epoch, sequence: this.#sequence, lastWritten: this.#lastWritten.slice() };
  }

  /** Forgets all: every ChangeId given out before becomes useless. */
  reset(): void {
    this.#epoch = newEpoch();
    this.#sequence = 1;
    this.#lastWritten = new Uint32Array(this.#lastWritten.length);
  }
}

export const changeIdOf = (frozen: FrozenChanges): string => `${frozen.epoch}/${String(frozen.sequence)}`;

/** Splits a ChangeId; undefined when it is not of the right shape. */
export function parseChangeId(text: string): { epoch: string; sequence: number } | undefined {
  const found = /^((?:[0-9a-f]{2} ){7}[0-9a-f]{2}-(?:[0-9a-f]{2} ){7}[0-9a-f]{2})\/(\d{1,9})$/.exec(text);
  return found === null ? undefined : { epoch: found[1]!, sequence: Number(found[2]) };
}

/** The maximal runs of grains from `startOffset` on for which `wanted` holds, cut to the capacity. */
export function* areasWhere(
  wanted: (grain: number) => boolean,
  startOffset: number,
  capacityBytes: number,
): Generator<Area> {
  const grains = Math.ceil(capacityBytes / GRAIN_BYTES);
  for (let grain = Math.floor(startOffset / GRAIN_BYTES); grain < grains; grain++) {
    if (!wanted(grain)) continue;
    let end = grain + 1;
    while (end < grains && wanted(end)) end++;
    const start = Math.max(startOffset, grain * GRAIN_BYTES);
    yield { start, length: Math.min(capacityBytes, end * GRAIN_BYTES) - start };
    grain = end;
  }
}

function newEpoch(): string {
  const hex = randomBytes(16).toString('hex');
  const half = (text: string): string => text.replace(/(..)(?=.)/g, '$1 ');
  return `${half(hex.slice(0, 16))}-${half(hex.slice(16))}`;
}
