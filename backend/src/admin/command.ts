import type { Config } from '../config.js'
import type { Context } from '../context.js'
import type { AuditEntry } from '../features/audit/index.js'

/** What a command has at hand. */
export interface Tools {
  readonly context: Context
  readonly config: Config
  /** The operator, for the audit log. */
  readonly by: { readonly actor: AuditEntry['actor'] }
  /** A line of what was asked for. */
  readonly print: (line: string) => void
  /** A line about it, apart from what was asked for. */
  readonly tell: (line: string) => void
}

/** One word of `npm run admin --`. */
export interface Command {
  /** What follows its name. */
  readonly usage: string
  readonly about: string
  /** Before anything is opened. @returns what is then done, which throws CommandError where it is refused. @throws CommandError, and what `parseArgs` throws */
  prepare(words: string[]): (tools: Tools) => Promise<void>
}

/** As `Command`, and done where no worker could be: it opens what it needs. */
export interface BareCommand extends Pick<Command, 'usage' | 'about'> {
  readonly bare: true
  prepare(words: string[]): (tools: Omit<Tools, 'context'>) => Promise<void>
}

/** What the operator is told: what to type instead, or why it is refused. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}

/** The only word. @throws CommandError */
export const onlyWord = (words: readonly string[], what: string): string => {
  const [word, ...rest] = words
  if (word === undefined || rest.length > 0) throw new CommandError(`needs ${what}, and nothing more`)
  return word
}

/** @throws CommandError where a command that takes nothing is given something */
export const noWords = (words: readonly string[]): void => {
  if (words.length > 0) throw new CommandError('takes nothing more')
}
