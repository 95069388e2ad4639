import { parseArgs } from 'node:util'
import { type Command, onlyWord } from './command.js'
import { newPassword, readPassword } from './passwords.js'

export const createAdmin: Command = {
  usage: '<phone> [--name <name>] [--password-stdin]',
  about: 'Make an administrator of an account, or of a new one, with a password that is read from stdin or made and shown once',

  prepare(words) {
    const options = { name: { type: 'string', default: 'Administrator' }, 'password-stdin': { type: 'boolean', default: false } } as const
    const { values, positionals } = parseArgs({ args: words, allowPositionals: true, options })
    const phone = onlyWord(positionals, 'a phone')
    return async ({ context, by, print, tell }) => {
      const given = values['password-stdin'] ? await readPassword() : undefined
      const password = given ?? newPassword()
      const { user, created, keptPassword } = await context.administrators.make({ phone, name: values.name, password }, by)
      print(`id: ${user._id.toHexString()}`)
      if (keptPassword) return tell('The account that had this phone administers now. Its password stays; its sessions have ended.')
      if (!created)
        tell(
          'The account that had this phone administers now. Nobody had proved the phone: its former password and its sessions have ended.',
        )
      if (given === undefined) print(`password: ${password}`)
      tell('The password must be changed at the first sign-in. It is not shown again.')
    }
  },
}
