import type { Content } from './content.ts'

const hour = 3600
const day = 24 * hour

/** What a team’s registry may hold after some months: for pictures, and to look at. */
export async function shop(content: Content): Promise<void> {
  const labels = (title: string) => ({
    'org.opencontainers.image.title': title,
    'org.opencontainers.image.description': 'Takes orders, and tells the warehouse',
    'org.opencontainers.image.source': `https://github.com/example/${title}`,
    'org.opencontainers.image.revision': '9f2b6c1e7d40a85b3f1c',
    'org.opencontainers.image.licenses': 'MIT',
  })
  const layers = (size: number): [string, number][] => [
    ['ADD rootfs.tar.xz / # buildkit', 29_126_000],
    ['RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates tini', 9_320_000],
    ['COPY /build/node_modules ./node_modules # buildkit', size],
    ['COPY /build/dist ./dist # buildkit', 2_410_000],
  ]
  const platforms = [
    { os: 'linux', architecture: 'amd64' },
    { os: 'linux', architecture: 'arm64', variant: 'v8' },
  ]
  const versions: [string, number][] = [
    ['2.8.0', 2 * hour],
    ['2.7.3', 3 * day],
    ['2.7.2', 9 * day],
    ['2.7.1', 21 * day],
    ['2.7.0', 38 * day],
    ['2.6.9', 64 * day],
  ]
  for (const [index, [version, age]] of versions.entries()) {
    const images = []
    for (const platform of platforms) {
      const size = 41_000_000 - index * 713_000 + (platform.architecture === 'arm64' ? -1_900_000 : 0)
      const image = await content.image('shop/orders', undefined, {
        platform,
        labels: { ...labels('orders'), 'org.opencontainers.image.version': version },
        layers: layers(size),
      })
      images.push({ ...image, platform })
    }
    const [first] = images
    if (!first) continue
    const builder = `https://github.com/example/orders/actions/runs/7340${index}/attempts/1`
    const proof = await content.attestation('shop/orders', first, builder)
    const index_ = {
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [...images, proof],
      annotations: { 'org.opencontainers.image.created': `2026-11-${26 - index}T08:12:00Z` },
    }
    const whole = await content.manifest('shop/orders', version, index_)
    if (index === 0) await content.manifest('shop/orders', 'latest', index_)
    if (index < 3)
      await content.signature(
        'shop/orders',
        whole,
        'https://github.com/example/orders/.github/workflows/release.yml@refs/tags/v2.8.0',
        'https://token.actions.githubusercontent.com',
      )
    await content.age('shop/orders', version, age)
  }
  await content.age('shop/orders', 'latest', 2 * hour - 20)
  const others: [string, string[], number][] = [
    ['shop/payments', ['1.19.2', '1.19.1', 'latest'], 5 * hour],
    ['shop/web', ['8841c1e', 'main', 'latest'], 40 * 60],
    ['shop/warehouse', ['0.9.4', 'latest'], 12 * day],
    ['tools/backup', ['3.1', '3.0', 'latest'], 47 * day],
    ['tools/lint', ['2026.11', 'latest'], 6 * day],
    ['base/debian', ['trixie', 'bookworm'], 16 * day],
    ['base/node', ['24', '22'], 16 * day],
    ['mailhog', ['1.0.1'], 150 * day],
  ]
  for (const [repository, tags, age] of others) {
    for (const [index, tag] of tags.entries()) {
      await content.image(repository, tag, {
        labels: labels(repository),
        layers: layers(12_000_000 + 911_000 * index),
      })
      await content.age(repository, tag, age + index * day)
    }
  }
  await content.manifest('charts/shop', '4.2.0', {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: await content.blob('charts/shop', '{}', 'application/vnd.cncf.helm.config.v1+json'),
    layers: [
      await content.blob(
        'charts/shop',
        'x'.repeat(12_400),
        'application/vnd.cncf.helm.chart.content.v1.tar+gzip',
      ),
    ],
  })
  await content.age('charts/shop', '4.2.0', 3 * day)
}
