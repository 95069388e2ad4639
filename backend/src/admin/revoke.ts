import { parseArgs } from 'node:util'
import { Id } from '../http/ids.js'
import { accountOf } from './account.js'
import { type Command, CommandError, onlyWord, type Tools } from './command.js'

export const revoke: Command = {
  usage: '<phone or id> [--session <id>] | --all',
  about: 'End the sessions of an account, or one of them, or those of everyone',

  prepare(words) {
    const options = { session: { type: 'string' }, all: { type: 'boolean', default: false } } as const
    const { values, positionals } = parseArgs({ args: words, allowPositionals: true, options })
    const { session, all } = values
    if (all) {
      if (positionals.length > 0 || session !== undefined) throw new CommandError('--all stands alone')
      return revokeEverything
    }
    if (session !== undefined && !Id.safeParse(session).success) throw new CommandError(`${session} is not the id of a session`)
    const account = onlyWord(positionals, 'a phone or an id, or --all')
    return (tools) => revokeOf(tools, account, session)
  },
}

const revokeEverything = async ({ context, by, print }: Tools): Promise<void> => {
  await context.closing.endAllSessions(by)
  print('every session has ended')
}

const revokeOf = async (tools: Tools, account: string, session: string | undefined): Promise<void> => {
  const { context, by, print } = tools
  const userId = (await accountOf(tools, account))._id.toHexString()
  if (session === undefined) {
    await context.administration.endSessions(userId, by)
    return print('their sessions have ended')
  }
  if (!(await context.administration.endSession(userId, session, by))) throw new CommandError('they have no such session, or it has ended')
  print('the session has ended')
}
