/** How a test starts a source file in a process of its own: like the tests themselves (.mocharc.json), so that coverage adds up. */
export const sourceArguments: readonly string[] = [
  '--no-experimental-require-module',
  `--import=${import.meta.resolve('../../scripts/load-sources.mjs')}`,
];
