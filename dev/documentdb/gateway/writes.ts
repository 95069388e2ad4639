import { deserialize } from 'bson'
import { type Call, queryOptions } from './call.js'
import { conflictRetries, lostUpsertRetries, pauseAfter } from './conflicts.js'
import { bsonCell, isTrue } from './database.js'
import { describeError } from './duplicate-key.js'
import type { Engine } from './engine.js'
import { isConflict, isDuplicateKey, ReportedError, stateOf, unpackState } from './sqlstate.js'
import { bareBody, isSingle, readStatement, statementsOf, type WriteName } from './statements.js'
import { type ReportedWriteError, WriteResult, writeErrorsOf } from './write-result.js'

interface Outcome {
  readonly reply: Buffer
  /** Whether every statement succeeded. */
  readonly complete: boolean
}

const send = async (engine: Engine, call: Call, name: WriteName, body: Buffer, sequence: Buffer | null): Promise<Outcome> => {
  const text = `SELECT * FROM documentdb_api.${name}($1, $2, $3, $4)`
  const retryId = isSingle(call, name) ? call.retryId : null
  const [reply, complete] = await engine.database.query(
    { name, text, values: [call.database, body, sequence, retryId] },
    queryOptions(call),
  )
  return { reply: bsonCell(reply), complete: isTrue(complete) }
}

/** Outside a transaction a conflict that failed the whole statement wrote nothing: it is sent again. */
const sendUntilSettled = async (call: Call, attempt: () => Promise<Outcome>): Promise<Outcome> => {
  for (let number = 0; ; number++) {
    try {
      return await attempt()
    } catch (error) {
      if (call.transaction || !isConflict(stateOf(error)) || number >= conflictRetries) throw error
      await pauseAfter(number)
    }
  }
}

const finishInTransaction = async (engine: Engine, call: Call, name: WriteName, outcome: Outcome): Promise<Uint8Array> => {
  const reply = deserialize(outcome.reply, { promoteValues: false })
  const statements = statementsOf(call, name)
  const result = new WriteResult()
  result.add(reply, [...statements.keys()])
  for (const error of writeErrorsOf(reply)) {
    if (isConflict(unpackState(error.packedState))) throw new ReportedError(unpackState(error.packedState), error.message)
    result.addError(error.index, await describe(engine, call, name, statements[error.index], error))
  }
  if (call.transaction) await engine.transactions.abort(call.transaction) // as MongoDB does
  return result.toReply()
}

const describe = (engine: Engine, call: Call, name: WriteName, statement: Buffer | undefined, error: ReportedWriteError) => {
  const inserted = name === 'insert' && statement ? readStatement(statement) : undefined
  return describeError(engine.database, call, unpackState(error.packedState), error.message, inserted)
}

const mayRunAgain = (name: WriteName, statement: Buffer | undefined, error: ReportedWriteError, attempt: number): boolean => {
  const state = unpackState(error.packedState)
  if (isConflict(state)) return attempt < conflictRetries
  if (name !== 'update' || !isDuplicateKey(state) || attempt >= lostUpsertRetries || !statement) return false
  return readStatement(statement).upsert === true // another upsert inserted first: this one then finds its document
}

/** Sends the statements that met another writer again, and only those: what came before them is written. */
const finishBatch = async (engine: Engine, call: Call, name: WriteName, first: Outcome): Promise<Uint8Array> => {
  const statements = statementsOf(call, name)
  const ordered = call.command.ordered !== false
  const result = new WriteResult()
  let sent = [...statements.keys()]
  let outcome = first
  for (let attempt = 0; ; ) {
    const reply = deserialize(outcome.reply, { promoteValues: false })
    result.add(reply, sent)
    const again: number[] = []
    for (const error of writeErrorsOf(reply)) {
      const index = sent[error.index] ?? 0
      if (mayRunAgain(name, statements[index], error, attempt)) again.push(index)
      else result.addError(index, await describe(engine, call, name, statements[index], error))
    }
    const [stoppedAt] = again
    if (stoppedAt === undefined) return result.toReply()
    const next = ordered ? sent.slice(sent.indexOf(stoppedAt)) : again
    attempt = next.length < sent.length ? 0 : attempt + 1
    await pauseAfter(attempt)
    sent = next
    const sequence = Buffer.concat(sent.flatMap((index) => statements[index] ?? []))
    try {
      outcome = await sendUntilSettled(call, () => send(engine, call, name, bareBody(call, name), sequence))
    } catch (error) {
      if (!isConflict(stateOf(error))) throw error
      // Something was written before: so this is told of the statements left, not of the command.
      const errmsg = error instanceof Error ? error.message : String(error)
      for (const index of ordered ? sent.slice(0, 1) : sent) result.addError(index, { code: 112, errmsg })
      return result.toReply()
    }
  }
}

/** insert, update, delete. What succeeds at once, nearly everything, is passed on as bytes. */
export const write = async (engine: Engine, call: Call, name: WriteName): Promise<Uint8Array> => {
  const outcome = await sendUntilSettled(call, () => send(engine, call, name, call.body, call.sequence))
  if (outcome.complete) return outcome.reply
  return call.transaction ? finishInTransaction(engine, call, name, outcome) : finishBatch(engine, call, name, outcome)
}

export const findAndModify = async (engine: Engine, call: Call): Promise<Uint8Array> => {
  const text = 'SELECT p_result FROM documentdb_api.find_and_modify($1, $2, $3)'
  const values = [call.database, call.body, call.retryId]
  const [result] = await engine.database.query({ name: 'findAndModify', text, values }, queryOptions(call))
  return bsonCell(result)
}
