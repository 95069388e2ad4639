import { accountOf } from './account.js'
import { type Command, onlyWord } from './command.js'

export const unlock: Command = {
  usage: '<phone or id>',
  about: 'Reinstate an account: it can sign in again',

  prepare(words) {
    const account = onlyWord(words, 'a phone or an id')
    return async (tools) => {
      const { _id, name } = await accountOf(tools, account)
      await tools.context.administration.reinstate(_id.toHexString(), tools.by)
      tools.print(`${name} (${_id.toHexString()}) can sign in`)
    }
  },
}
