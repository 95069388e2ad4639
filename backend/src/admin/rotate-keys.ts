import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import type { Config } from '../config.js'
import { mostPreviousPeppers } from '../settings/variables/sign-in.js'
import { type Command, CommandError } from './command.js'

const secretBytes = 48

interface Rotation {
  readonly name: string
  readonly previousName: string
  /** The present one first. */
  readonly known: readonly string[]
  /** What is to be done with the two lines. */
  readonly steps: string
}

/** It changes nothing: the environment of the workers is the operator's. */
export const rotateKeys: Command = {
  usage: '[--pepper]',
  about: 'Print a new JWT_SECRET and the JWT_PREVIOUS_SECRETS that go with it, or with --pepper those of AUTH_PEPPER, for the environment',

  prepare(words) {
    const { values } = parseArgs({ args: words, options: { pepper: { type: 'boolean', default: false } } })
    return async ({ context, config, by, print, tell }) => {
      const { name, previousName, known, steps } = values.pepper ? pepperOf(config) : signingOf(config)
      if (known.some((secret) => /[,\s]/.test(secret)))
        throw new CommandError(`a present secret has a comma or a space: it cannot be listed in ${previousName}`)
      await context.audit.record({ action: 'keys.rotation_prepared', outcome: 'done', ...by, detail: { name } })
      print(`${name}=${randomBytes(secretBytes).toString('base64url')}`)
      print(`${previousName}=${known.join(',')}`)
      tell(`Nothing has changed yet. Put both into the environment of every worker and reload the workers (pm2 reload chat-api):\n${steps}`)
    }
  },
}

const textOf = (key: { export(): Buffer }): string => key.export().toString('utf8')

const signingOf = ({ tokens, pepper }: Config): Rotation => ({
  name: 'JWT_SECRET',
  previousName: 'JWT_PREVIOUS_SECRETS',
  known: [tokens.key, ...tokens.previousKeys].map(textOf),
  steps: `new tokens are signed with the new secret, those of the previous ones stay good.
Once these have expired, ${tokens.accessTtlSeconds} s after the last worker was reloaded, remove JWT_PREVIOUS_SECRETS and reload again.${
    pepper ? '' : '\nWithout AUTH_PEPPER it seals authenticators, too: before that, npm run admin -- reseal'
  }`,
})

/** @throws CommandError where one more would be too many */
const pepperOf = ({ pepper, previousPeppers }: Config): Rotation => {
  if (previousPeppers.length >= mostPreviousPeppers)
    throw new CommandError('AUTH_PREVIOUS_PEPPERS has three already: take the last one out first')
  return {
    name: 'AUTH_PEPPER',
    previousName: 'AUTH_PREVIOUS_PEPPERS',
    known: [pepper, ...previousPeppers].map((each) => (each ? textOf(each) : 'none')),
    steps: `what was hashed with the previous ones stays good, and whoever signs in with a password has it hashed with the new one. Then seal authenticators with it: npm run admin -- reseal
For nobody to be refused while workers are replaced, first reload them with the new one in AUTH_PREVIOUS_PEPPERS alone.
Remove AUTH_PREVIOUS_PEPPERS when those who have not signed in with a password since may be asked for another one.`,
  }
}
