/** Jest reporter: the last line of a run is `N passed, N failed`, over every test of every project. */
export default class ClosingLine {
  onRunComplete(_contexts, { numPassedTests, numFailedTests, numRuntimeErrorTestSuites }) {
    const failed = numFailedTests + numRuntimeErrorTestSuites
    this.line = `${numPassedTests} passed, ${failed} failed`
  }

  getLastError() {}
}
