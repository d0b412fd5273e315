'use strict';
/**
 * Mocha reporter: the spec reporter, then one plain line `N passed, N failed[, N skipped]` that any CI can read.
 * CommonJS because mocha loads reporters by name before any loader hook runs.
 */
const { reporters, Runner } = require('mocha');

class CiSummary extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures, pending } = runner.stats ?? this.stats;
      const skipped = pending > 0 ? `, ${pending} skipped` : '';
      process.stdout.write(`${passes} passed, ${failures} failed${skipped}\n`);
    });
  }
}

module.exports = CiSummary;
