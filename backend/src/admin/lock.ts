import { accountOf } from './account.js'
import { type Command, onlyWord } from './command.js'

export const lock: Command = {
  usage: '<phone or id>',
  about: 'Suspend an account: its sessions end, it cannot sign in',

  prepare(words) {
    const account = onlyWord(words, 'a phone or an id')
    return async (tools) => {
      const { _id, name } = await accountOf(tools, account)
      await tools.context.administration.suspend(_id.toHexString(), tools.by)
      tools.print(`${name} (${_id.toHexString()}) is suspended`)
    }
  },
}
