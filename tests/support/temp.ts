/** Folders that a test may fill; they vanish with the test. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface TempFolder extends AsyncDisposable {
  readonly path: string;
  /** The path of `name` inside. */
  file(name: string): string;
}

/** Makes an empty folder; disposing it removes it with all that it holds. */
export async function tempFolder(): Promise<TempFolder> {
  const folder = await mkdtemp(path.join(tmpdir(), 'blockhouse-test-'));
  return {
    path: folder,
    file: (name) => path.join(folder, name),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
