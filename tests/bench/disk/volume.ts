/** An NTFS volume in a plain file, made by mkntfs and mounted by ntfs-3g; and the few programs that all of this needs. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmdirSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const CLUSTER_BYTES = 4096;
const MOUNT_ATTEMPTS = 500;
const MOUNT_POLL_MS = 20;

/** @throws Error with the program's stderr */
export function runTool(program: string, args: readonly string[]): string {
  return execFileSync(program, args, {
    env: { ...process.env, LC_ALL: 'C', PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
    stdio: ['ignore', 'pipe', 'pipe'],
  }).toString();
}

/** `startSector` is where the volume will begin on its disk. */
export function formatVolume(file: string, startSector: number): void {
  const geometry = ['-s', '512', '-p', String(startSector), '-H', '255', '-S', '63'];
  runTool('mkntfs', ['-F', '-Q', '-q', '-c', String(CLUSTER_BYTES), ...geometry, '-L', 'bench', file]);
}

/** Mounts the volume for `work`; when it resolves the volume is clean and ntfs-3g has left. */
export async function withVolume<T>(file: string, work: (root: string) => T): Promise<T> {
  const root = mkdtempSync(path.join(tmpdir(), 'blockhouse-bench-mount-'));
  const driver = spawn('ntfs-3g', ['-o', 'rw,no_detach,big_writes,noatime', file, root], { stdio: 'ignore' });
  const left = once(driver, 'exit');
  left.catch(() => undefined);
  try {
    await untilMounted(root);
    try {
      return work(root);
    } finally {
      runTool('umount', [root]);
      await left;
    }
  } finally {
    rmdirSync(root);
  }
}

async function untilMounted(root: string): Promise<void> {
  for (let attempt = 0; attempt < MOUNT_ATTEMPTS; attempt++) {
    try {
      runTool('mountpoint', ['-q', root]);
      return;
    } catch {
      await sleep(MOUNT_POLL_MS);
    }
  }
  throw new Error('Cannot mount the NTFS volume: ntfs-3g needs root and /dev/fuse here');
}

/** What the file system itself says is in use. */
export function usedBytesOf(root: string): number {
  const { blocks, bfree, bsize } = statfsSync(root);
  return (blocks - bfree) * bsize;
}
