import { randomBytes } from 'node:crypto'
import { basename } from 'node:path'
import * as images from './images.ts'
import { type Machine, removeMachine, start } from './machine.ts'
import { until } from './process.ts'

export interface Store extends Machine {
  /** By its address: what runs in a server's own Docker does not know the lab's names. */
  endpoint: string
  region: string
  bucket: string
  accessKey: string
  secretKey: string
  /** Whether its objects are files in /data, as versitygw’s are. */
  files: boolean
  /** Ends what listens, so that connections are refused; `up` begins anew. */
  down(): Promise<void>
  up(): Promise<void>
  /** Makes a key that may do nothing but these actions of S3 in the bucket, such as `s3:GetObject`. */
  key(...actions: string[]): Promise<{ accessKey: string; secretKey: string }>
  /** Lets a key do nothing any more, until what it returns is called. */
  bar(accessKey: string): Promise<() => Promise<void>>
  /** Speaks TLS from now on, with a certificate of an authority made for it, which nobody else knows; returns that as PEM. */
  secure(): Promise<string>
}

interface StoreOptions {
  /** Short and unique in the lab; without one it counts as wanted only while the process that made it lives. */
  name?: string
  /** How much it holds, as `mount` takes it, such as `64m`. */
  size?: string
}

/** Whether there can be one: it is built with Go, which not every machine has. */
export const hasStore = async () => (await images.store()) !== undefined

/** A fresh object store, with one bucket. */
export async function createStore({ name, size }: StoreOptions = {}): Promise<Store> {
  const image = await images.store()
  if (image === undefined) throw new Error('without Go there is no object store')
  const [region, bucket] = ['lab-1', 'images']
  const [accessKey, secretKey] = [randomBytes(10).toString('hex'), randomBytes(20).toString('hex')]
  const kind = basename(process.env.BERTH_STORE ?? 'versitygw')
  if (name !== undefined) await removeMachine(name)
  const machine = await start({
    name: name ?? `store-${randomBytes(3).toString('hex')}`,
    ours: name === undefined,
    kind: 'store',
    image,
    env: {
      KIND: kind,
      REGION: region,
      BUCKET: bucket,
      ROOT_ACCESS_KEY: accessKey,
      ROOT_SECRET_KEY: secretKey,
    },
    // Never without an end where a test fills it; other stores need more to begin with.
    flags:
      size === undefined
        ? ['--volume', '/data']
        : ['--tmpfs', `/data:size=${kind === 'versitygw' ? size : '2g'}`],
  })
  const sign =
    'curl -sSk --fail-with-body --aws-sigv4 "aws:amz:$REGION:s3" --user "$ROOT_ACCESS_KEY:$ROOT_SECRET_KEY"'
  const answers = (scheme = 'http') =>
    until(`${machine.name} answers`, 30, async () => {
      const { code } = await machine.run(`curl -sk -o /dev/null ${scheme}://127.0.0.1:7070/`)
      return code === 0
    })
  await answers()
  await until(
    'the bucket is made',
    60,
    async () => (await machine.run(`${sign} -X PUT http://127.0.0.1:7070/${bucket}`)).code === 0,
  )
  const statements: { Principal: { AWS: string[] }; [key: string]: unknown }[] = []
  const allow = async (wanted: unknown[]) =>
    void (await machine.sh(`${sign} --upload-file - '${store.endpoint}/${bucket}?policy'`, {
      input: JSON.stringify({ Version: '2012-10-17', Statement: wanted }),
    }))
  const store: Store = Object.assign(machine, {
    endpoint: `http://${machine.address.v4}:7070`,
    ...{ region, bucket, accessKey, secretKey, files: kind === 'versitygw' },
    down: async () => void (await machine.sh('touch /run/down; pkill -x store')),
    async up() {
      await machine.sh('rm -f /run/down')
      await answers(new URL(store.endpoint).protocol.slice(0, -1))
    },
    async key(...actions: string[]) {
      const [id, secret] = [randomBytes(10).toString('hex'), randomBytes(20).toString('hex')]
      await machine.sh(
        `store admin --allow-insecure --endpoint-url ${store.endpoint} --access $ROOT_ACCESS_KEY --secret $ROOT_SECRET_KEY --region $REGION create-user --access ${id} --secret ${secret} --role user`,
      )
      const resource = [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`]
      statements.push({ Effect: 'Allow', Principal: { AWS: [id] }, Action: actions, Resource: resource })
      await allow(statements)
      return { accessKey: id, secretKey: secret }
    },
    async bar(key: string) {
      await allow(statements.filter(each => !each.Principal.AWS.includes(key)))
      return () => allow(statements)
    },
    async secure() {
      const authority = await machine.sh(`cd $(mktemp -d)
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/O=Authority $(basename $PWD)" -days 30 -keyout ca.key -out ca.pem 2>/dev/null
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /O=store -keyout key -out csr 2>/dev/null
        echo 'subjectAltName=IP:${machine.address.v4}' >ext
        openssl x509 -req -in csr -CA ca.pem -CAkey ca.key -days 30 -extfile ext -out crt 2>/dev/null
        cat crt key >/run/tls.pem
        cat ca.pem`)
      store.endpoint = `https://${machine.address.v4}:7070`
      await store.down()
      await store.up()
      return `${authority}\n`
    },
  })
  return store
}
