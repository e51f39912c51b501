import { readFileSync, writeFileSync, writeSync } from 'node:fs'
import { relative } from 'node:path'

/**
 * Jest reporter: the last line of a run is `N passed, N failed`, and `, N skipped` if there are any, over every test of every project. A suite that could not
 * run counts as one that failed, and so does a run without an end.
 *
 * `FIRST_RUN` names a file that `script/test` has between two runs: the first writes its counts without those of the end-to-end files
 * that failed, and the second, which runs only these, adds its own.
 */
export default class ClosingLine {
  #line = '0 passed, 1 failed'

  constructor() {
    // Jest has words of its own after the last report.
    process.once('exit', () => writeSync(process.stdout.fd, `${this.#line}\n`))
  }

  onRunComplete(_contexts, results) {
    const { FIRST_RUN: file } = process.env
    const text = file === undefined ? '' : readFileSync(file, 'utf8')
    const counted = text === '' ? [results] : [results, JSON.parse(text).rest]
    const sum = name => counted.reduce((total, counts) => total + counts[name], 0)
    const skipped = sum('numPendingTests') === 0 ? '' : `, ${sum('numPendingTests')} skipped`
    this.#line = `${sum('numPassedTests')} passed, ${sum('numFailedTests') + sum('numRuntimeErrorTestSuites')} failed${skipped}`
    if (file === undefined) return
    if (text === '') writeFileSync(file, JSON.stringify(firstRun(results)))
    else
      for (const { testFilePath, numFailingTests, testExecError } of results.testResults)
        if (numFailingTests === 0 && !testExecError)
          this.#line = `${named(testFilePath)} failed at first, and passed alone\n${this.#line}`
  }

  getLastError() {}
}

const named = path => relative(process.cwd(), path)

/** Which files to run again: those that failed, if all are end-to-end tests; and the counts of all others. */
function firstRun(results) {
  const failed = results.testResults.filter(
    ({ numFailingTests, testExecError }) => numFailingTests > 0 || testExecError,
  )
  const rest = {
    numPassedTests: results.numPassedTests - sumOf(failed, 'numPassingTests'),
    numPendingTests: results.numPendingTests - sumOf(failed, 'numPendingTests'),
    numFailedTests: 0,
    numRuntimeErrorTestSuites: 0,
  }
  const paths = failed.map(({ testFilePath }) => named(testFilePath))
  return { again: paths.every(path => path.startsWith('__tests__/e2e/')) ? paths : [], rest }
}

const sumOf = (results, name) => results.reduce((total, result) => total + result[name], 0)
