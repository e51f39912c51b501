import Sequencer from '@jest/test-sequencer'

/**
 * Those that take minutes, most of which they wait. Begun last, one of them would keep everybody waiting; and Jest knows how long a
 * file takes only where it has run before.
 */
const long = [
  'dns',
  'cut-off',
  'security/guessing',
  'convergence',
  'renewal',
  'clean',
  'generations',
  'debian13',
  'debian12',
].map(name => `e2e/${name}.test.ts`)

/** Jest’s order, with those first, then all other end-to-end tests, and last what keeps a processor busy for seconds. */
export default class LongestFirst extends Sequencer {
  sort(tests) {
    const rank = ({ path }) => {
      const index = long.findIndex(each => path.endsWith(each))
      if (index >= 0) return index
      return path.includes('/e2e/') ? long.length : long.length + 1
    }
    return super.sort(tests).toSorted((one, other) => rank(one) - rank(other))
  }
}
