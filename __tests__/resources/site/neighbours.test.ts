import { expect, test } from '@jest/globals'
import { neighbourFailure, readNeighbours } from '../../../src/resources/site/neighbours.ts'

const address = '203.0.113.5'
const messages = (text: string, addresses = [address, '2001:db8::5']) =>
  readNeighbours(text, addresses).map(each => neighbourFailure(each).message)

test.each([
  ['dual', '[::]:443', 'takes IPv4 as well'],
  ['stream', '443', 'belongs to a `stream`'],
  ['proxy', '80', 'has `proxy_protocol`'],
  ['address', `${address}:443`, 'gives all that comes to this address'],
  ['address', '[2001:db8::5]:443', 'gives all that comes to this address'],
  ['address', address, 'write `listen 80` there'],
  ['address', '127.0.0.1:443', 'gives all that comes to this address'],
])('%s %s is in the way', (kind, listen, words) => {
  const [message = '', ...more] = messages(`${kind} ${listen} /etc/nginx/conf.d/a.conf;`)
  expect(message).toContain(`\`listen ${listen}\` in /etc/nginx/conf.d/a.conf`)
  expect(message).toContain(words)
  expect(more).toEqual([])
})

test.each(['127.0.0.1:80', '203.0.113.9:443', '[2001:db8::9]:443'])(
  'an address of no concern: %s',
  listen => {
    expect(messages(`address ${listen} /etc/nginx/conf.d/a.conf;`)).toEqual([])
  },
)

test('a server with several addresses has room beside a site on one of them', () => {
  const listen = `address ${address}:443 /etc/nginx/conf.d/a.conf;`
  expect(messages(listen, [address, '203.0.113.6'])).toEqual([])
})

test('each is named', () => {
  expect(messages('stream 443 /etc/nginx/a;dual [::]:80 /etc/nginx/b;')).toEqual([
    expect.stringContaining('/etc/nginx/a belongs'),
    expect.stringContaining('/etc/nginx/b takes'),
  ])
})
