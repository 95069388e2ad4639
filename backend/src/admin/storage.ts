import { type Command, CommandError } from './command.js'
import { storageCheck } from './storage-check.js'
import { storageSetup } from './storage-setup.js'

export const storage: Command = {
  usage: 'setup | check [--repair [--force]]',
  about: [
    'setup: make the bucket of uploads fit for them: private, with CORS, lifecycle and versions; again changes nothing',
    'check: print a line of JSON for each file without an upload and each upload without a file, and end with 1 if one is left; with --repair',
    'the former are removed, the latter marked; with --force where most of them differ, too',
  ].join('\n      '),

  prepare([what, ...words]) {
    if (what === 'setup') return storageSetup(words)
    if (what === 'check') return storageCheck(words)
    throw new CommandError('needs setup or check')
  },
}
