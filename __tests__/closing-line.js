import { writeSync } from 'node:fs'

/**
 * Jest reporter: the last line of a run is `N passed, N failed`, and `, N skipped` if there are any, over every test of every project. A suite that could not
 * run counts as one that failed, and so does a run without an end.
 */
export default class ClosingLine {
  #line = '0 passed, 1 failed'

  constructor() {
    // Jest has words of its own after the last report.
    process.once('exit', () => writeSync(process.stdout.fd, `${this.#line}\n`))
  }

  onRunComplete(_contexts, { numPassedTests, numFailedTests, numPendingTests, numRuntimeErrorTestSuites }) {
    const skipped = numPendingTests === 0 ? '' : `, ${numPendingTests} skipped`
    this.#line = `${numPassedTests} passed, ${numFailedTests + numRuntimeErrorTestSuites} failed${skipped}`
  }

  getLastError() {}
}
