import { type Document, deserialize, serialize } from 'bson'
import type { Call } from './call.js'

/** The field that holds the single statements of a write command, when they do not come beside it. */
const statementFields = { insert: 'documents', update: 'updates', delete: 'deletes' } as const
export type WriteName = keyof typeof statementFields

export const isWriteName = (name: string): name is WriteName => Object.hasOwn(statementFields, name)

/** Cuts documents that lie one after the other. */
const split = (sequence: Buffer): Buffer[] => {
  const parts: Buffer[] = []
  for (let at = 0; at < sequence.length; ) {
    const length = sequence.readInt32LE(at)
    if (length < 5) throw new RangeError(`a document cannot be ${length} bytes long`)
    parts.push(sequence.subarray(at, at + length))
    at += length
  }
  return parts
}

const isBuffers = (value: unknown): value is Buffer[] => Array.isArray(value) && value.every((part) => Buffer.isBuffer(part))

/** The bytes of each document to insert, or of each update or delete. */
export const statementsOf = (call: Call, name: WriteName): Buffer[] => {
  if (call.sequence) return split(call.sequence)
  const field = statementFields[name]
  const parts: unknown = deserialize(call.body, { fieldsAsRaw: { [field]: true } })[field]
  return isBuffers(parts) ? parts : []
}

export const readStatement = (statement: Buffer): Document => deserialize(statement)

/** Whether a write command holds one statement only; those the extension remembers. */
export const isSingle = (call: Call, name: WriteName): boolean => {
  if (call.sequence) return call.sequence.length >= 4 && call.sequence.readInt32LE(0) === call.sequence.length
  const inline = call.command[statementFields[name]]
  return Array.isArray(inline) && inline.length === 1
}

/** The command without its inline statements. */
export const bareBody = (call: Call, name: WriteName): Buffer => {
  if (call.sequence) return call.body
  const { [statementFields[name]]: _statements, ...rest } = deserialize(call.body, { promoteValues: false })
  return Buffer.from(serialize(rest))
}
