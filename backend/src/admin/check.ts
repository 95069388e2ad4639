import { parseArgs } from 'node:util'
import { viewCheck } from '../features/consistency/index.js'
import { type Command, CommandError } from './command.js'

export const check: Command = {
  usage: '[--repair]',
  about:
    'Recompute what every conversation derives from its messages; print a line of JSON for each that differs, and end with 1 if one is left so',

  prepare(words) {
    const { values } = parseArgs({ args: words, options: { repair: { type: 'boolean', default: false } } })
    return async ({ context, by, print, tell }) => {
      let [conversations, found, left] = [0, 0, 0]
      for await (const each of context.consistency.checkAll(values, by)) {
        conversations += 1
        found += each.differences.length
        left += each.differences.filter(({ repaired }) => !repaired).length
        if (each.differences.length > 0) print(JSON.stringify(viewCheck(each)))
      }
      tell(`${conversations} conversations were checked: ${found} differences, ${found - left} repaired`)
      if (left > 0) throw new CommandError(`${left} differences are left`)
    }
  },
}
