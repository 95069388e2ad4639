import { parseArgs } from 'node:util'
import { folderFault, type UploadDocument } from '../features/uploads/index.js'
import { type Command, CommandError } from './command.js'

const flag = { type: 'boolean', default: false } as const

/** As a worker has it: of a folder, it is to be run where that folder is. */
export const storageCheck: Command['prepare'] = (words) => {
  const { values } = parseArgs({ args: words, options: { repair: flag, force: flag } })
  return async ({ context, config, by, print, tell }) => {
    const { s3, local } = config.storage
    if (!s3 && !values.force) {
      const fault = await folderFault(context.mongo.connection.collection<UploadDocument>('uploads'), local.folder)
      if (fault !== undefined) throw new CommandError(fault) // before it makes the folder
    }
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
