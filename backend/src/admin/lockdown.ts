import { type Command, noWords } from './command.js'

export const lockdown: Command = {
  usage: '',
  about: 'Let administrators alone in, at every worker within a second',

  prepare(words) {
    noWords(words)
    return async ({ context, by, print }) => {
      await context.closing.lockDown(by)
      print('administrators alone are let in')
    }
  },
}
