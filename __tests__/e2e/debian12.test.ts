import { test } from '@jest/globals'
import { rusty } from '../../lab/index.ts'
import { mainJob } from './main-job.ts'

if (rusty) {
  console.warn('Debian 12 has no sudo in Rust: left out')
  test.skip('registry:2.8.3 on a bare Debian bookworm', () => {})
} else mainJob('bookworm', 'registry:2.8.3')
