import type { UserDocument } from '../features/users/index.js'
import { Id } from '../http/ids.js'
import { Problem } from '../http/problem.js'
import { CommandError, type Tools } from './command.js'

/** The account that a phone or an id names. @throws CommandError where there is none */
export const accountOf = async ({ context }: Tools, word: string): Promise<UserDocument> => {
  const found = Id.safeParse(word).success ? await known(context.users.get(word)) : await context.users.findByPhone(word)
  if (!found) throw new CommandError(`nobody has the phone or id ${word}`)
  return found
}

const known = (getting: Promise<UserDocument>): Promise<UserDocument | undefined> =>
  getting.catch((error: unknown) => {
    if (error instanceof Problem && error.code === 'not_found') return undefined
    throw error
  })
