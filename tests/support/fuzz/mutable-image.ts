/** A disk in memory that can be spoilt and put right again: what is overwritten is remembered, so a run costs what it changes. */

export interface MutableImage {
  /** To read from; written only by what follows. */
  readonly bytes: Buffer;
  /** Overwrites; what lies outside the disk is left out. */
  write(at: number, bytes: Uint8Array): void;
  /** Remembers a range before somebody else overwrites it. */
  touch(at: number, lengthBytes: number): void;
  /** Undoes everything since the last time. */
  rollBack(): void;
}

/** Takes `bytes` over. */
export function mutableImage(bytes: Buffer): MutableImage {
  let undo: { at: number; old: Buffer }[] = [];
  const touch = (at: number, lengthBytes: number): void => {
    undo.push({ at, old: Buffer.from(bytes.subarray(at, at + lengthBytes)) });
  };
  return {
    bytes,
    touch,
    write(at, fresh) {
      const part = fresh.subarray(0, Math.max(0, bytes.length - at));
      touch(at, part.length);
      bytes.set(part, at);
    },
    rollBack() {
      for (const { at, old } of undo.reverse()) old.copy(bytes, at);
      undo = [];
    },
  };
}
