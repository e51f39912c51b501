// Writes images as `docker load` reads them to stdout: node image.mjs NAME LAYERS [SHARED [KILOBYTES]]. Each layer has so much noise (a
// kilobyte), and so is new to every registry; with SHARED, that many images have all layers but their last in common.
import { createHash, randomBytes } from 'node:crypto'

const [name, layers, images = '1', kilobytes = '1'] = process.argv.slice(2)
const sha = data => createHash('sha256').update(data).digest('hex')
const blocks = content => Buffer.concat([content, Buffer.alloc(-content.length & 511)])

function entry(path, content) {
  const header = Buffer.alloc(512)
  header.write(path, 0)
  for (const [at, value] of [
    [100, '0000644\0'],
    [108, '0000000\0'],
    [116, '0000000\0'],
    [136, '00000000000\0'],
  ])
    header.write(value, at)
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124)
  header.write('        0', 148)
  header.write('ustar\x0000', 257)
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  )
  return Buffer.concat([header, blocks(content)])
}

const layer = () =>
  Buffer.concat([
    entry(`noise-${randomBytes(4).toString('hex')}`, randomBytes(Number(kilobytes) * 1024)),
    Buffer.alloc(1024),
  ])
const shared = Array.from({ length: Number(layers) - (images === '1' ? 0 : 1) }, layer)
const manifest = []
const files = new Map()
for (let index = 0; index < Number(images); index++) {
  const own = images === '1' ? shared : [...shared, layer()]
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: own.map(each => `sha256:${sha(each)}`) },
      history: own.map(() => ({ created_by: 'bench' })),
    }),
  )
  for (const each of own) files.set(`${sha(each)}.tar`, each)
  files.set(`${sha(config)}.json`, config)
  const tag = images === '1' ? name : `${name}-${index}`
  manifest.push({
    Config: `${sha(config)}.json`,
    RepoTags: [`${tag}:latest`],
    Layers: own.map(each => `${sha(each)}.tar`),
  })
}
files.set('manifest.json', Buffer.from(JSON.stringify(manifest)))
for (const [path, content] of files) process.stdout.write(entry(path, content))
process.stdout.write(Buffer.alloc(1024))
