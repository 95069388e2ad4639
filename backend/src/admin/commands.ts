import { audit } from './audit.js'
import { backup } from './backup.js'
import { check } from './check.js'
import type { BareCommand, Command } from './command.js'
import { createAdmin } from './create-admin.js'
import { lock } from './lock.js'
import { lockdown } from './lockdown.js'
import { reopen } from './reopen.js'
import { reseal } from './reseal.js'
import { restore } from './restore.js'
import { revoke } from './revoke.js'
import { rotateKeys } from './rotate-keys.js'
import { sessions } from './sessions.js'
import { storage } from './storage.js'
import { unlock } from './unlock.js'
import { verify } from './verify.js'

/** Every command, by the word that calls it. */
export const commands: ReadonlyMap<string, Command | BareCommand> = new Map<string, Command | BareCommand>([
  ['create-admin', createAdmin],
  ['lock', lock],
  ['unlock', unlock],
  ['sessions', sessions],
  ['revoke', revoke],
  ['lockdown', lockdown],
  ['reopen', reopen],
  ['rotate-keys', rotateKeys],
  ['reseal', reseal],
  ['audit', audit],
  ['check', check],
  ['storage', storage],
  ['backup', backup],
  ['verify', verify],
  ['restore', restore],
])

export const usage = (): string =>
  [
    'npm run admin -- <command>',
    '',
    ...[...commands].flatMap(([name, { usage: follows, about }]) => [`  ${[name, follows].filter(Boolean).join(' ')}`, `      ${about}`]),
  ].join('\n')
