/** Removes the build output, so that a file that is gone from the source cannot be imported from an old build. */
import { rmSync } from 'node:fs';

rmSync(new URL('../dist', import.meta.url), { recursive: true, force: true });
