/**
 * What other programs say about NTFS volumes: the bitmap by ntfscat (ntfs-3g), the count by partclone.ntfs. They want a volume as
 * a file of its own, so one inside a disk is copied out first.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Extent } from '../../shared/domain/extent.ts';

const SBIN = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;

/** True when the program can be started. */
export function hasProgram(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`], { env: { PATH: SBIN } }).status === 0;
}

/** Runs a program of the system; throws when it fails. */
export function runProgram(name: string, args: readonly string[]): Buffer {
  return execFileSync(name, args, {
    env: { ...process.env, PATH: SBIN },
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: MAX_OUTPUT_BYTES,
  });
}

/** A volume as a file of its own, for as long as it is not disposed of. */
export function extractVolume(image: string, place: Extent): Disposable & { readonly path: string } {
  if (place.start === 0 && place.length === statSync(image).size) {
    return { path: image, [Symbol.dispose]: () => undefined };
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'blockhouse-volume-'));
  const volume = path.join(folder, 'volume.raw');
  const places = [`skip=${place.start}`, `count=${place.length}`, 'iflag=skip_bytes,count_bytes'];
  runProgram('dd', [`if=${image}`, `of=${volume}`, 'bs=1M', 'conv=sparse', 'status=none', ...places]);
  return { path: volume, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

/** The volume's $Bitmap, read by ntfs-3g. */
export function bitmapByNtfscat(volume: string): Buffer {
  return runProgram('ntfscat', ['-f', '-i', '6', volume]);
}

/** Runs of clear bits below `clusters`, found bit by bit. */
export function freeRunsOf(bitmap: Uint8Array, clusters: number): Extent[] {
  const runs: { start: number; length: number }[] = [];
  for (let cluster = 0; cluster < clusters; cluster++) {
    if (((bitmap[cluster >> 3]! >> (cluster & 7)) & 1) !== 0) continue;
    const last = runs.at(-1);
    if (last !== undefined && last.start + last.length === cluster) last.length++;
    else runs.push({ start: cluster, length: 1 });
  }
  return runs;
}

/** Bytes that partclone.ntfs would copy, by its own map. */
export function usedRangesByPartclone(volume: string): Extent[] {
  const map = runProgram('partclone.ntfs', ['-q', '-I', '-D', '-s', volume, '-O', '-']);
  return map
    .toString()
    .split('\n')
    .map((line) => /^(0x[0-9A-F]+)\s+(0x[0-9A-F]+)\s+\+$/i.exec(line))
    .flatMap((match) => (match === null ? [] : [{ start: Number(match[1]), length: Number(match[2]) }]));
}
