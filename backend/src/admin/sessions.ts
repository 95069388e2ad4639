import { accountOf } from './account.js'
import { type Command, onlyWord } from './command.js'

export const sessions: Command = {
  usage: '<phone or id>',
  about: 'List the sessions of an account, a line of JSON each, the one used last first',

  prepare(words) {
    const account = onlyWord(words, 'a phone or an id')
    return async (tools) => {
      const { _id } = await accountOf(tools, account)
      for (const { _id: id, device, ip, createdAt, lastSeenAt } of await tools.context.administration.sessionsOf(_id, tools.by)) {
        tools.print(JSON.stringify({ id: id.toHexString(), device, ip, createdAt, lastSeenAt }))
      }
    }
  },
}
