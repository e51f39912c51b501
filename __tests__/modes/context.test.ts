import { describe, expect, test } from '@jest/globals'
import { onEndpoint, onGitHub } from '../../src/modes/context.ts'
import { scene } from './scene.ts'

test('the connection to the registry is closed when the work is done', async () => {
  const { inputs } = scene({})
  let closed = false
  await onEndpoint(inputs, async endpoint => {
    const close = endpoint.close.bind(endpoint)
    endpoint.close = () => {
      closed = true
      close()
    }
  })
  expect(closed).toBe(true)
})

describe('GitHub', () => {
  const github = { name: 'octocat/app', api: 'http://127.0.0.1:1', pull: 7 }

  test('hears nothing without a token, or outside of a workflow', async () => {
    const { inputs, context, events } = scene({})
    const work = async () => 'wrote'
    await onGitHub(inputs, { ...context, github }, 'the issue', 'issues', work)
    await onGitHub({ ...inputs, githubToken: 'x' }, context, 'the issue', 'issues', work)
    expect(events).toEqual([])
  })

  test('is told with the token, and the log says what was done', async () => {
    const { inputs, context, events } = scene({}, { githubToken: 'x' })
    await onGitHub(
      inputs,
      { ...context, github },
      'the issue',
      'issues',
      async ({ token }) => `wrote with ${token}`,
    )
    await onGitHub(inputs, { ...context, github }, 'the issue', 'issues', async () => undefined)
    expect(events).toEqual(['said wrote with x'])
  })

  test('that can’t be told is a warning that names the permission, and no failure', async () => {
    const { inputs, context, events } = scene({}, { githubToken: 'x' })
    await onGitHub(inputs, { ...context, github }, 'the issue', 'issues', () =>
      Promise.reject(new Error('Not allowed')),
    )
    expect(events).toEqual([
      expect.stringMatching(/^warned github: the issue can’t be .*: Not allowed; .*`issues: write`/),
    ])
  })

  test('that does not answer is not blamed on the token', async () => {
    const { inputs, context, events } = scene({}, { githubToken: 'x' })
    await onGitHub(inputs, { ...context, github }, 'the issue', 'issues', () =>
      Promise.reject(Object.assign(new Error('connect ECONNREFUSED'), { status: 500 })),
    )
    expect(events).toEqual([
      expect.stringMatching(/: connect ECONNREFUSED; .* reach http:\/\/127\.0\.0\.1:1, by HTTPS_PROXY/),
    ])
    expect(events.join()).not.toContain('token')
  })
})
