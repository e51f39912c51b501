import { expect, jest, test } from '@jest/globals'
import { age } from '../age.ts'
import { succeeded } from '../registry.ts'
import { scene } from './scene.ts'

jest.setTimeout(240_000)

/** certbot’s folder is a disk of 12 MB: of less, coreutils in Rust write the size in another way. */
const here = scene({ disk: ['/etc/letsencrypt', '12m'] })
const run = (script: string) => here.server.sh(script)
const renew = () => here.step({ mode: 'renew', users: '' })

const fingerprint = (of: string) => run(`${of} | openssl x509 -noout -fingerprint -sha256`)
const served = () =>
  fingerprint(`openssl s_client -connect 127.0.0.1:443 -servername ${here.domain} </dev/null 2>/dev/null`)
const onDisk = () => fingerprint(`cat /etc/letsencrypt/live/${here.domain}/cert.pem`)
const versions = async () =>
  Number(await run(`ls /etc/letsencrypt/archive/${here.domain}/fullchain*.pem | wc -l`))

test('certbot’s own timer at the same time: one order between the two', async () => {
  await age(here.server, here.world.acme)
  const before = await versions()
  const [step] = await Promise.all([renew(), run('systemctl start certbot.service')])
  succeeded(step)
  expect(await versions()).toBe(before + 1)
  expect(await served()).toBe(await onDisk())
})

/** certbot as its timer runs it; it is killed before it writes for the Nth time below its folder. Tells how often it did. */
async function killedBefore(write: number): Promise<number> {
  await here.server.write(
    '/root/killer/sitecustomize.py',
    `import os, signal, sys

writes = 0

def hear(event, arguments):
    global writes
    if event == "open":
        writing = isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    else:
        writing = event in ("os.rename", "os.symlink", "os.remove")
    if writing and any(f"/etc/letsencrypt/{kind}/" in str(each) for kind in ("live", "archive", "renewal") for each in arguments):
        if writes == ${write}:
            os.kill(os.getpid(), signal.SIGKILL)
        writes += 1
        with open("/root/killer/writes", "w") as file:
            print(writes, file=file)

sys.addaudithook(hear)
`,
  )
  return Number(
    await run(`rm -f /root/killer/writes
    PYTHONPATH=/root/killer REQUESTS_CA_BUNDLE=/etc/letsencrypt/berth/authorities/${here.domain}.pem certbot renew --cert-name ${here.domain} --force-renewal --no-random-sleep-on-renew >/dev/null 2>&1
    cat /root/killer/writes 2>/dev/null || echo 0`),
  )
}

test('certbot killed between two of its writes: what is served stays, and the next run repairs', async () => {
  const writes = await killedBefore(-1)
  expect(writes).toBeGreaterThan(6)
  for (let write = 0; write < writes; write += 3) {
    const before = await served()
    expect(await killedBefore(write)).toBe(write)
    expect(await served()).toBe(before)
    expect(await here.pulls(`team/app@${here.digest}`)).toBe(true)
    succeeded(await here.step())
    // As after a reboot: nginx starts only if key and certificate are a pair.
    await run('systemctl restart nginx')
    expect(await served()).toBe(await onDisk())
  }
  console.log(`certbot was killed before every third of ${writes} writes`)
})

test('disk full at a renewal: the old certificate stays, and the message says how much room there is', async () => {
  await age(here.server, here.world.acme)
  const before = await served()
  await run('cd /etc/letsencrypt && dd if=/dev/zero of=ballast bs=4k 2>/dev/null || [ -e ballast ]')
  const step = await renew()
  await run('rm /etc/letsencrypt/ballast')
  expect(step.errors.join()).toMatch(
    /could not be renewed: .* was not possible: the server’s disk is full: 0 of 12M are free on \/etc\/letsencrypt\. Delete/,
  )
  expect(await served()).toBe(before)
  expect(succeeded(await renew()).outputs.changed).toBe('true')
  expect(await served()).toBe(await onDisk())
  expect(await served()).not.toBe(before)
})
