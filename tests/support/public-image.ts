/** Disks and volumes of the public test sets in ../shared/images, unpacked one at a time. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasProgram, runProgram } from './ntfs-oracle.ts';

const IMAGES = fileURLToPath(new URL('../../../shared/images/', import.meta.url));

/** Null when the image can be had, else why not. */
export function whyNoImage(name: string): string | null {
  if (!existsSync(path.join(IMAGES, name))) return 'the folder ../shared/images is not there';
  return name.endsWith('.vhdx.xz') && !hasProgram('qemu-img') ? 'qemu-img is not installed' : null;
}

/** Unpacks an image into `folder` and returns the raw file. */
export function unpackImage(name: string, folder: string): string {
  const raw = path.join(folder, 'image.raw');
  const unpacked = name.endsWith('.vhdx.xz') ? path.join(folder, 'image.vhdx') : raw;
  const command = 'xz -dc "$1" | cp --sparse=always /dev/stdin "$2"';
  runProgram('sh', ['-c', command, 'sh', path.join(IMAGES, name), unpacked]);
  if (unpacked !== raw) runProgram('qemu-img', ['convert', '-O', 'raw', unpacked, raw]);
  return raw;
}

/** Copies one volume of a raw disk to `target`, holes as holes; wants qemu-img. */
export function copyVolume(raw: string, place: { start: number; length: number }, target: string): void {
  const file = { driver: 'file', filename: raw };
  const part = { driver: 'raw', offset: place.start, size: place.length, file };
  runProgram('qemu-img', ['convert', '-O', 'raw', `json:${JSON.stringify(part)}`, target]);
}
