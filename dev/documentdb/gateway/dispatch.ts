import { type Call, inTransaction, parseCall } from './call.js'
import { commandNamed, outsideTransactions } from './commands.js'
import { retryConflicts } from './conflicts.js'
import { describeError } from './duplicate-key.js'
import type { Engine } from './engine.js'
import { CommandError, type ErrorFields, errorReply } from './errors.js'
import { isDown, isExhausted, stateOf } from './sqlstate.js'
import { isWriteName } from './statements.js'

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const fieldsOf = async (engine: Engine, call: Call, error: unknown): Promise<ErrorFields> => {
  const errmsg = messageOf(error)
  if (error instanceof CommandError) return { code: error.code, errmsg }
  if (isDown(error)) return { code: 91, errmsg: `the database is away: ${errmsg}` }
  if (isExhausted(error)) return { code: 262, errmsg: `no connection came free: ${errmsg}` }
  const state = stateOf(error)
  if (state) return describeError(engine.database, call, state, errmsg)
  console.error(error)
  return { code: 1, errmsg }
}

const passing = new Set([91, 262])

/** What tells a driver that it may try again, and how. */
const labelsOf = (call: Call, code: number): string[] => {
  if (!inTransaction(call)) return call.retryId && passing.has(code) ? ['RetryableWriteError'] : []
  if (call.name === 'commitTransaction' && passing.has(code)) return ['RetryableWriteError', 'UnknownTransactionCommitResult']
  return passing.has(code) || code === 112 || code === 251 ? ['TransientTransactionError'] : []
}

const failureReply = async (engine: Engine, call: Call, error: unknown): Promise<Uint8Array> => {
  if (isDown(error)) engine.database.up = false
  if (call.transaction) await engine.transactions.abort(call.transaction)
  const fields = await fieldsOf(engine, call, error)
  return errorReply(fields, labelsOf(call, fields.code))
}

const run = async (engine: Engine, call: Call): Promise<Uint8Array> => {
  const command = commandNamed(call.name)
  if (!command) throw new CommandError(59, `no such command: '${call.name}'`)
  if (!outsideTransactions.has(call.name)) call.transaction = await engine.transactions.of(call)
  return engine.retryableWrites.once(call, async () =>
    isWriteName(call.name) ? command(engine, call) : retryConflicts(call, () => command(engine, call)),
  )
}

/** Runs a command. @returns its reply in BSON; never throws for what the command did wrong */
export const dispatch = async (engine: Engine, body: Buffer, sequence: Buffer | null): Promise<Uint8Array> => {
  const call = parseCall(body, sequence)
  try {
    return await run(engine, call)
  } catch (error) {
    return failureReply(engine, call, error)
  }
}
