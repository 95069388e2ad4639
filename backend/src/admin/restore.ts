import { resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { parseArgs } from 'node:util'
import { readManifest } from '../backup/manifest.js'
import { rehearsalOf, removeFormerRehearsals } from '../backup/rehearsal.js'
import { placeOf, requireNobody, restoreBackup } from '../backup/restore.js'
import { openingOf } from '../backup/sealing.js'
import { switchIn } from '../backup/switching.js'
import { readThrough } from '../backup/verify.js'
import { withServer } from '../backup/with-server.js'
import { type BareCommand, CommandError, onlyWord } from './command.js'

const text = { type: 'string' } as const
const flag = { type: 'boolean', default: false } as const

export const restore: BareCommand = {
  bare: true,
  usage:
    '<folder of a backup> [--into <database>] [--identity <file>] [--env-file <file>] [--keep-sessions] [--yes] | <folder> --rehearse [--identity <file>]',
  about:
    'Put a backup into a new database, look whether all is as it should be, and let a file of variables name it; or rehearse that beside the running system',

  prepare(words) {
    const options = { into: text, identity: text, 'env-file': text, 'keep-sessions': flag, yes: flag, rehearse: flag } as const
    const { values, positionals } = parseArgs({ args: words, allowPositionals: true, options })
    const { rehearse, 'env-file': file, into } = values
    const folder = resolve(onlyWord(positionals, 'the folder of a backup'))
    if (rehearse && (file !== undefined || into !== undefined))
      throw new CommandError('--rehearse has a database of its own, and changes nothing')
    return async ({ config, by, print, tell }) => {
      const manifest = await readManifest(folder) // before anything is touched
      const opening = openingOf(manifest.sealedBy, values.identity ?? config.backup.identityFile)
      await readThrough(folder, manifest, opening)
      const switching = file === undefined ? undefined : await switchIn(file)
      await withServer(config, async (server) => {
        const place = rehearse ? rehearsalOf(server) : (into ?? placeOf(server, manifest))
        if (rehearse)
          for (const former of await removeFormerRehearsals(server)) tell(`${former} is removed, which a rehearsal left that was cut short`)
        if (!rehearse) {
          await requireNobody(server, place)
          tell(`${manifest.database} as of ${manifest.begunAt} is put into the database ${place}.`)
          tell(`What was acknowledged since is not in it. ${server.database} stays as it is.`)
          if (!values.yes) await confirm(place)
        }
        const uploads = rehearse || config.storage.s3 ? undefined : config.storage.local.folder
        const { logger } = server
        const restoring = {
          server,
          folder,
          manifest,
          opening,
          into: place,
          config,
          logger,
          by,
          tell,
          uploads,
          keepSessions: values['keep-sessions'],
        }
        try {
          await restoreBackup(restoring)
        } finally {
          if (rehearse) await server.client.db(place).dropDatabase()
        }
        if (rehearse) return print('it can be restored')
        await requireNobody(server, place)
        await switching?.to(place)
        print(place)
        tell(switching ? `${file} names it: start the workers` : `Let MONGO_URI of every worker name the database ${place}, and start them`)
      })
    }
  },
}

/** @throws CommandError where it is not typed, or there is nobody to type it */
const confirm = async (place: string): Promise<void> => {
  if (!process.stdin.isTTY) throw new CommandError('nobody is there to confirm it: say --yes')
  const question = createInterface({ input: process.stdin, output: process.stderr })
  try {
    if ((await question.question(`Type the name of the new database to go on: `)) !== place) throw new CommandError('nothing was done')
  } finally {
    question.close()
  }
}
