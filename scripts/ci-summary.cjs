'use strict';
/**
 * Mocha reporter: the spec reporter, then one plain line `N passed, N failed[, N skipped]` that any CI can read.
 * CommonJS because mocha loads reporters by name before any loader hook runs.
 */
const { mkdirSync, writeFileSync } = require('node:fs');
const { reporters, Runner } = require('mocha');

/** Read by scripts/test, which prints it once more after everything else. */
const SUMMARY_FILE = 'coverage/test-summary.txt';

class CiSummary extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures, pending } = runner.stats ?? this.stats;
      const skipped = pending > 0 ? `, ${pending} skipped` : '';
      const line = `${passes} passed, ${failures} failed${skipped}\n`;
      process.stdout.write(line);
      mkdirSync('coverage', { recursive: true });
      writeFileSync(SUMMARY_FILE, line);
    });
  }
}

module.exports = CiSummary;
