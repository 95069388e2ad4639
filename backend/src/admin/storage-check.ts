import { parseArgs } from 'node:util'
import { type Command, CommandError } from './command.js'

const flag = { type: 'boolean', default: false } as const

/** As a worker has it: of a folder, it is to be run where that folder is. */
export const storageCheck: Command['prepare'] = (words) => {
  const { values } = parseArgs({ args: words, options: { repair: flag, force: flag } })
  return async ({ context, config, by, print, tell }) => {
    const { s3, local } = config.storage
    await context.storage.check()
    let [found, repaired] = [0, 0]
    for await (const difference of context.storageCheck.check(values)) {
      found += 1
      repaired += difference.repaired ? 1 : 0
      print(JSON.stringify(difference))
    }
    const target = s3 ? { kind: 'bucket', id: s3.bucket } : { kind: 'folder', id: local.folder }
    await context.audit.record({ action: 'storage.checked', outcome: 'done', ...by, target, detail: { ...values, found, repaired } })
    tell(`${target.kind} ${target.id} was compared with the uploads: ${found} differences, ${repaired} repaired`)
    if (found > repaired) throw new CommandError(`${found - repaired} differences are left`)
  }
}
