// Writes light.html and dark.html beside summary.md in a folder, with what npm has put there: script/picture uses it.
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const [folder] = process.argv.slice(2)
const { resolve } = createRequire(join(folder, 'x.js'))
const { marked } = await import(resolve('marked'))
const text = readFileSync(join(folder, 'summary.md'), 'utf8')
// What GitHub makes of an alert, in a few words: marked doesn't know them.
const html = marked
  .parse(text)
  .replace(
    /<blockquote>\s*<p>\[!CAUTION\]/,
    '<blockquote class="markdown-alert markdown-alert-caution"><p class="markdown-alert-title">Caution</p><p>',
  )

for (const theme of ['light', 'dark']) {
  const css = readFileSync(resolve(`github-markdown-css/github-markdown-${theme}.css`), 'utf8')
  const colour = theme === 'light' ? '#fff' : '#0d1117'
  writeFileSync(
    join(folder, `${theme}.html`),
    `<!doctype html><meta charset="utf-8"><title></title>
<style>${css} body { margin: 0; background: ${colour} } article { padding: 28px 36px }
.markdown-body { font-family: 'Liberation Sans', 'Noto Color Emoji' }</style>
<article class="markdown-body">${html}</article>
<script>document.title = document.documentElement.scrollHeight</script>`,
  )
}
