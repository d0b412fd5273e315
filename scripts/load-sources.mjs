/**
 * Lets Node run the TypeScript sources, in the tests and in every process and thread that they start: `--import` this file
 * beside `--no-experimental-require-module`.
 *
 * Coverage adds up places in the code that V8 ran, so each source must come out in one form everywhere: always an ES module,
 * and always by the settings of this project, whatever folder a process runs in. The main thread gets both loaders of tsx
 * (mocha itself needs the one of `require`), other threads the one of `import` alone: piscina tries `require` first, and there
 * it has to fail.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';

process.env['TSX_TSCONFIG_PATH'] ??= fileURLToPath(new URL('../tsconfig.json', import.meta.url));

if (isMainThread) await import('tsx');
else {
  createRequire(import.meta.url).extensions['.ts'] = (_module, file) => {
    throw new Error(`"${file}" is an ES module`);
  };
  (await import('tsx/esm/api')).register();
}
