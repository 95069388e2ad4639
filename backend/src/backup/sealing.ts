import { BackupError } from './errors.js'
import type { Program } from './program.js'

/** What archives are encrypted by. */
export const sealers = ['nothing', 'age', 'gpg'] as const
export type Sealer = (typeof sealers)[number]

export interface Sealing {
  readonly by: Sealer
  /** What the names of encrypted files end with. */
  readonly suffix: '' | '.age' | '.gpg'
  /** Undefined where nothing is encrypted. */
  readonly program: Program | undefined
}

const ageRecipient = /^(age1[0-9a-z]+|ssh-(?:ed25519|rsa) \S+.*)$/
const gpgRecipient = /^(?!-)[^\s,]{3,100}$/

/** Encrypts to a recipient: age's or an SSH public key, else what gpg knows a key by. @throws BackupError for what is neither */
export const sealingTo = (recipient: string | undefined): Sealing => {
  if (recipient === undefined) return { by: 'nothing', suffix: '', program: undefined }
  if (ageRecipient.test(recipient)) return { by: 'age', suffix: '.age', program: { command: 'age', words: ['-r', recipient] } }
  if (!gpgRecipient.test(recipient)) throw new BackupError(`${recipient} is neither a public key of age nor what gpg knows one by`)
  const words = ['--batch', '--quiet', '--trust-model', 'always', '--compress-algo', 'none', '--recipient', recipient, '--encrypt']
  return { by: 'gpg', suffix: '.gpg', program: { command: 'gpg', words } }
}

/** Decrypts. gpg has its keys; age is given a file of them. @throws BackupError where age lacks it */
export const openingOf = (sealer: Sealer, identityFile: string | undefined): Program | undefined => {
  switch (sealer) {
    case 'nothing':
      return undefined
    case 'gpg':
      return { command: 'gpg', words: ['--batch', '--quiet', '--decrypt'] }
    case 'age':
      if (identityFile === undefined) throw new BackupError('it is encrypted by age: name the file of its key by --identity')
      return { command: 'age', words: ['--decrypt', '--identity', identityFile] }
  }
}
