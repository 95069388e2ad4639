import { Binary, type Document, deserialize, UUID } from 'bson'
import type { QueryOptions } from './database.js'
import type { Transaction } from './transactions.js'

/** One command as it came. */
export interface Call {
  readonly name: string
  readonly command: Readonly<Record<string, unknown>>
  /** The command's bytes, which the extension reads itself. */
  readonly body: Buffer
  /** The documents, updates or deletes that came beside the command, one after the other. */
  readonly sequence: Buffer | null
  readonly database: string
  /** The session's id in hex. */
  readonly session: string | undefined
  /** What names a retryable write. */
  readonly retryId: string | null
  transaction: Transaction | undefined
}

const isDocument = (value: unknown): value is Document => typeof value === 'object' && value !== null

/** The id of a session as a key; `undefined` where there is none. */
export const sessionKey = (lsid: unknown): string | undefined => {
  const id: unknown = isDocument(lsid) ? lsid.id : undefined
  return id instanceof UUID || id instanceof Binary ? Buffer.from(id.buffer).toString('hex') : undefined
}

export const inTransaction = (call: Call): boolean => call.command.autocommit === false

/** The collection that a command names, or whatever else its first field holds. */
export const target = (call: Call): string => String(call.command[call.name])

/** On which connection a call's statements run, and for how long. */
export const queryOptions = (call: Call): QueryOptions => {
  const { maxTimeMS } = call.command
  return { connection: call.transaction?.connection, maxTimeMs: maxTimeMS === undefined ? undefined : Number(maxTimeMS) }
}

// Ids of cursors need all of their 64 bits.
const withExactNumbers = new Set(['getMore', 'killCursors'])

export const parseCall = (body: Buffer, sequence: Buffer | null): Call => {
  let command: Record<string, unknown> = deserialize(body)
  const [name = ''] = Object.keys(command)
  if (withExactNumbers.has(name)) command = deserialize(body, { useBigInt64: true })
  const session = sessionKey(command.lsid)
  const retryable = command.autocommit !== false && command.txnNumber !== undefined && session
  return {
    name,
    command,
    body,
    sequence,
    database: typeof command.$db === 'string' ? command.$db : 'admin',
    session,
    retryId: retryable ? `${session}:${String(command.txnNumber)}` : null,
    transaction: undefined,
  }
}
