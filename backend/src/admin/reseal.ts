import { type Command, CommandError, noWords } from './command.js'

export const reseal: Command = {
  usage: '',
  about:
    'Seal the secrets of all authenticators with the present AUTH_PEPPER (or JWT_SECRET), so that the previous ones can go; 1 where one cannot be opened',

  prepare(words) {
    noWords(words)
    return async ({ context, by, tell }) => {
      const { resealed, present, lost } = await context.resealAuthenticators()
      await context.audit.record({ action: 'totp.resealed', outcome: 'done', ...by, detail: { resealed, present, lost } })
      tell(`${resealed} authenticators were sealed anew, ${present} were already`)
      if (lost > 0)
        throw new CommandError(`${lost} cannot be opened: a secret is missing that sealed them; their owners have recovery codes`)
    }
  },
}
