/** Sizes and how people read them. Byte counts are numbers: 2^53 is far above the largest disk (62 TiB). */
import { AppError } from './errors.ts';

export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;
export const TiB = 1024 * GiB;

/** A sector as vSphere and partition tables of most disks count it, in bytes. */
export const SECTOR_BYTES = 512;

/** vSphere's largest virtual disk is 62 TiB; anything above 2^50 bytes is a lie or damage. */
export const MAX_DISK_BYTES = 1024 * TiB;

const steps: readonly (readonly [string, number])[] = [
  ['TiB', TiB],
  ['GiB', GiB],
  ['MiB', MiB],
  ['KiB', KiB],
];

/** `1.5 GiB`, `64 KiB`, `12 B`: three significant digits. */
export function formatBytes(bytes: number): string {
  const step = steps.find(([, size]) => bytes >= size);
  if (step === undefined) return `${bytes} B`;
  const value = bytes / step[1];
  return `${value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2)} ${step[0]}`;
}

/** `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/**
 * A bigint off the wire or the disk as a number.
 * @throws AppError `FORMAT_INVALID` when it is negative or above 2^53 - 1
 */
export function toSafeNumber(value: bigint, what: string): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new AppError('FORMAT_INVALID', `Cannot use ${what}: it is out of range`, {
      value: value.toString(),
    });
  }
  return Number(value);
}
