import { parseArgs } from 'node:util'
import { readManifest } from '../backup/manifest.js'
import { openingOf } from '../backup/sealing.js'
import { readThrough } from '../backup/verify.js'
import { type BareCommand, onlyWord } from './command.js'

export const verify: BareCommand = {
  bare: true,
  usage: '<folder of a backup> [--identity <file>] [--sums]',
  about: 'Compare a backup with its checksums and read it to its end, or compare it alone; end with 1 where it could not be restored',

  prepare(words) {
    const options = { identity: { type: 'string' }, sums: { type: 'boolean' } } as const
    const { values, positionals } = parseArgs({ args: words, allowPositionals: true, options })
    const folder = onlyWord(positionals, 'the folder of a backup')
    return async ({ config, print }) => {
      const manifest = await readManifest(folder)
      if (!values.sums) await readThrough(folder, manifest, openingOf(manifest.sealedBy, values.identity ?? config.backup.identityFile))
      print(`${folder} is good: ${manifest.database} as of ${manifest.begunAt}`)
    }
  },
}
