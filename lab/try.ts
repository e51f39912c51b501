import * as lab from './index.ts'

const t0 = Date.now()
const w = await lab.world()
console.log('world', Date.now() - t0, w.hub.registryTags)
let t = Date.now()
const r = await lab.runStep(w.runner, { domain: 'x.berth.test' }, { action: '/tmp/lab/act', debug: true })
console.log(Date.now() - t, r)
console.log(r.log, r.post?.log)
t = Date.now()
const c = await lab.runStep(
  w.runner,
  { domain: 'x', wait: 'yes' },
  { action: '/tmp/lab/act', cancel: /waiting/ },
)
console.log('cancel', c.code, c.milliseconds, c.orphans, c.post?.code)
const s = await lab.runStep(
  w.runner,
  { domain: 'x', wait: 'stubborn' },
  { action: '/tmp/lab/act', cancel: /waiting/ },
)
console.log('cancel', s.code, s.milliseconds, s.orphans, s.log.slice(-60), s.post?.code)
