import { isMap, isNode, parseDocument } from 'yaml'
import { asFailure } from '../failure.ts'

/**
 * Reads a YAML map in which everything is text, as it is written: a name may be `012` or `1e3`. `form` says what the map should
 * contain, for the message. If the text is no such map, calls `mistake` and returns an empty map. A key that is there twice is
 * a mistake too, but the map is read on, for what else is wrong with it. Names are in the order of the text; those of an object
 * that are numbers would come first.
 */
export function parseMap(
  text: string,
  form: string,
  mistake: (sentence: string) => void,
): ReadonlyMap<string, unknown> {
  try {
    const document = parseDocument(text, { logLevel: 'error', schema: 'failsafe' })
    for (const error of document.errors) {
      if (error.code !== 'DUPLICATE_KEY') throw error
      const [key] = /^[^:\n]*/.exec(text.slice(error.pos[0])) ?? []
      mistake(`line ${error.linePos?.[0].line}: ${key} is there twice; write what belongs to it in one place`)
    }
    const { contents } = document
    if (isMap(contents)) {
      const plain = (node: unknown): unknown => (isNode(node) ? node.toJS(document) : node)
      return new Map(contents.items.map(({ key, value }) => [String(plain(key)), plain(value)]))
    }
    mistake(`is not a YAML map from ${form}`)
  } catch (error) {
    const [reason = ''] = asFailure(error).message.split('\n')
    const hint = /(^|[\s[,])\*/m.test(text) ? " (quote what begins with *, as in '**')" : ''
    mistake(`is not YAML: ${reason.replace(/:$/, '')}${hint}`)
  }
  return new Map()
}
