import { basename, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { removeNotKept } from '../backup/kept.js'
import { makeBackup } from '../backup/make.js'
import { copyToBucket, removeNotKeptInBucket } from '../backup/remote.js'
import { sealingTo } from '../backup/sealing.js'
import { withServer } from '../backup/with-server.js'
import type { BareCommand } from './command.js'

const text = { type: 'string' } as const

export const backup: BareCommand = {
  bare: true,
  usage: '[--to <folder>] [--recipient <key>] [--redis] [--keep-all]',
  about:
    'Copy the database and the folder of uploads while they are in use, encrypted; copy that to a bucket, and remove what need not be kept',

  prepare(words) {
    const options = { to: text, recipient: text, redis: { type: 'boolean' }, 'keep-all': { type: 'boolean' } } as const
    const { values } = parseArgs({ args: words, options })
    if (values.recipient !== undefined) sealingTo(values.recipient)
    return async ({ config, by, print, tell }) => {
      const sealing = sealingTo(values.recipient ?? config.backup.recipient)
      if (sealing.by === 'nothing') tell('BACKUP_RECIPIENT is not set: the backup is not encrypted')
      const folder = resolve(values.to ?? config.backup.folder)
      const uploads = config.storage.s3 ? undefined : config.storage.local.folder
      await withServer(config, async ({ db, logger, record }) => {
        const { version } = config.server
        const redis = values.redis ? config.redis : undefined
        const { path, manifest } = await makeBackup({ db, logger, folder, sealing, version, uploads, redis })
        print(path)
        const { remote, keep } = config.backup
        if (remote) print(await copyToBucket(remote, path))
        const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0)
        const documents = manifest.files.reduce((sum, file) => sum + (file.documents ?? 0), 0)
        await record({
          action: 'backup.made',
          outcome: 'done',
          ...by,
          target: { kind: 'backup', id: basename(path) },
          detail: { bytes, documents },
        })
        tell(`${documents} documents, ${bytes} bytes`)
        if (values['keep-all']) return
        for (const name of await removeNotKept(folder, manifest.database, keep)) tell(`removed ${name}`)
        if (remote) for (const name of await removeNotKeptInBucket(remote, manifest.database, keep)) tell(`removed ${name} from the bucket`)
      })
    }
  },
}
