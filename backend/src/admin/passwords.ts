import { randomInt } from 'node:crypto'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { CommandError } from './command.js'

const characters = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789' // none that looks like another
const groups = 4
const charactersOfGroup = 6
const kinds = [/[A-Z]/, /[a-z]/, /\d/]

/** 24 characters in groups, of every kind that a policy may ask for: about 139 bits. */
export const newPassword = (): string => {
  const password = Array.from({ length: groups }, newGroup).join('-')
  return kinds.every((kind) => kind.test(password)) ? password : newPassword()
}

const newGroup = (): string => Array.from({ length: charactersOfGroup }, () => characters.charAt(randomInt(characters.length))).join('')

const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })

/** The first line of stdin; a terminal is asked, and shows nothing of it. @throws CommandError where there is none */
export const readPassword = async (): Promise<string> => {
  const terminal = process.stdin.isTTY
  if (terminal) process.stderr.write('Password: ')
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal })
  try {
    for await (const line of lines) if (line !== '') return line
  } finally {
    lines.close()
    if (terminal) process.stderr.write('\n')
  }
  throw new CommandError('no password came from stdin')
}
