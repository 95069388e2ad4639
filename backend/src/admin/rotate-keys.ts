import { randomBytes } from 'node:crypto'
import { type Command, CommandError, noWords } from './command.js'

const secretBytes = 48

/** It changes nothing: the environment of the workers is the operator's. */
export const rotateKeys: Command = {
  usage: '',
  about: 'Print a new JWT_SECRET and the JWT_PREVIOUS_SECRETS that go with it, to be put into the environment',

  prepare(words) {
    noWords(words)
    return async ({ context, config, by, print, tell }) => {
      const known = [config.tokens.key, ...config.tokens.previousKeys].map((key) => key.export().toString('utf8'))
      if (known.some((secret) => /[,\s]/.test(secret)))
        throw new CommandError('a present secret has a comma or a space: it cannot be listed in JWT_PREVIOUS_SECRETS')
      await context.audit.record({ action: 'keys.rotation_prepared', outcome: 'done', ...by })
      print(`JWT_SECRET=${randomBytes(secretBytes).toString('base64url')}`)
      print(`JWT_PREVIOUS_SECRETS=${known.join(',')}`)
      tell(`Nothing has changed yet. Put both into the environment of every worker and reload the workers (pm2 reload chat-api):
new tokens are signed with the new secret, those of the previous ones stay good.
Once these have expired, ${config.tokens.accessTtlSeconds} s after the last worker was reloaded, remove JWT_PREVIOUS_SECRETS and reload again.`)
    }
  },
}
