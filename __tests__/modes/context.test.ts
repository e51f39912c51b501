import { describe, expect, test } from '@jest/globals'
import { onEndpoint, onGitHub, onServer } from '../../src/modes/context.ts'
import { scene } from './scene.ts'

describe('the connection', () => {
  test('is closed when the work is done, and when it fails', async () => {
    const { context, events } = scene({})
    expect(await onServer(context, async () => 'done')).toBe('done')
    await expect(onServer(context, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(events).toEqual(['close', 'close'])
  })

  test('is asked for where there is none', async () => {
    const { context } = scene({})
    await expect(onServer({ ...context, server: undefined }, async () => {})).rejects.toMatchObject({
      topic: 'input',
    })
  })

  test('to the registry is closed too', async () => {
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
})
