/** Damage to a file. */
import { open } from 'node:fs/promises';

/** Changes one byte of a file; one that is not there or too short stays as it is. */
export async function flipByte(path: string, at: number): Promise<void> {
  const handle = await open(path, 'r+').catch(() => undefined);
  if (handle === undefined) return;
  try {
    const byte = new Uint8Array(1);
    const { bytesRead } = await handle.read(byte, 0, 1, at);
    if (bytesRead === 1)
      await handle.write(
        byte.map((value) => value ^ 0x10),
        0,
        1,
        at,
      );
  } finally {
    await handle.close();
  }
}
