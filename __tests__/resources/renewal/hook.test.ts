import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { library } from '../../../src/shell.ts'
import { sh } from '../../library.ts'
import { Programs } from '../../programs.ts'

let programs: Programs
beforeEach(() => {
  programs = new Programs()
  mkdirSync(programs.file('conf.d'))
  mkdirSync(programs.file('sites-enabled'))
  writeFileSync(programs.file('cert.pem'), 'new')
  writeFileSync(programs.file('served'), 'new')
  writeFileSync(
    programs.file('conf.d/berth-r.conf'),
    `    server_name r.example.com;\n    ssl_certificate ${programs.file('cert.pem')};\n`,
  )
})
afterEach(() => programs.remove())

/** The hook on a server on which nginx serves what is in the file `served`, and a reload makes it take the certificate. */
function run(changes = '') {
  const hook = library('resources/renewal/hook').replaceAll('/etc/nginx', programs.folder)
  const { code, stderr } = sh(
    [],
    `here='${programs.folder}'
systemctl() { return 0; }
nginx() { echo "nginx $*" >>"$here/log"; }
nginx_reload() { echo reload >>"$here/log"; cp "$here/cert.pem" "$here/served"; }
openssl() { if [ "$1" = s_client ]; then cat "$here/served"; else cat; fi; }
timeout() { shift; "$@"; }
sleep() { :; }
${changes}
${hook}`,
  )
  return { code, stderr, log: readFileSync(programs.file('log'), { encoding: 'utf8', flag: 'a+' }) }
}

test('nothing happens where the certificate on disk is served', () => {
  expect(run()).toEqual({ code: 0, stderr: '', log: '' })
})

test('another one is taken, once nginx finds its configuration right', () => {
  writeFileSync(programs.file('served'), 'old')
  expect(run()).toEqual({ code: 0, stderr: '', log: 'nginx -t -q\nreload\n' })
})

test('a configuration that nginx refuses is not reloaded, and the timer’s service fails', () => {
  writeFileSync(programs.file('served'), 'old')
  expect(run('nginx() { return 1; }')).toMatchObject({ code: 1, log: '' })
})

test('a reload that changed nothing is a failure that names the certificate', () => {
  writeFileSync(programs.file('served'), 'old')
  expect(run('nginx_reload() { :; }')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(
      `does not serve the certificate of r.example.com in ${programs.file('cert.pem')}`,
    ),
  })
})

test('where nginx is stopped, somebody wants it so', () => {
  writeFileSync(programs.file('served'), 'old')
  expect(run('systemctl() { return 1; }')).toEqual({ code: 0, stderr: '', log: '' })
})

test.each([
  ['new ones alone', '7 nginx: worker process\n8 nginx: worker process', true],
  [
    'an old one that still answers, by the old rules',
    '3 nginx: worker process\n7 nginx: worker process',
    false,
  ],
  [
    'an old one that answers nobody new',
    '3 nginx: worker process is shutting down\n7 nginx: worker process',
    true,
  ],
  ['old ones alone, because nginx could not load its configuration', '3 nginx: worker process', false],
])('with these workers a reload is done or not: %s', (_, workers, done) => {
  programs.add('ps', `echo '${workers}'`)
  const { code } = sh(['resources/site/reload'], 'nginx_has_taken " 3 4 " 0')
  expect(code === 0).toBe(done)
})
