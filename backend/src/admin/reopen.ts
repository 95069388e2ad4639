import { type Command, noWords } from './command.js'

export const reopen: Command = {
  usage: '',
  about: 'Let everyone in again',

  prepare(words) {
    noWords(words)
    return async ({ context, by, print }) => {
      await context.closing.reopen(by)
      print('everyone is let in')
    }
  },
}
