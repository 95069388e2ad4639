import { maxMessageBytes } from './server-status.js'

// https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
const headerBytes = 16
const opReply = 1
const opQuery = 2004
const opMessage = 2013
const checksumPresent = 1
const moreToCome = 2
const commandOverheadBytes = 65_536

/** A command out of a message, and what it takes to answer it. */
export interface Request {
  readonly id: number
  readonly opCode: number
  readonly body: Buffer
  readonly sequence: Buffer | null
  readonly wantsReply: boolean
}

/** Cuts a stream of bytes into messages. @throws RangeError on a length that cannot be */
export async function* readMessages(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let chunks: Buffer[] = []
  let available = 0
  for await (const chunk of stream) {
    chunks.push(chunk)
    available += chunk.length
    while (available >= headerBytes) {
      const [first] = chunks
      if (!first || first.length < 4) chunks = [Buffer.concat(chunks)]
      const length = chunks[0]?.readInt32LE(0) ?? 0
      if (length < headerBytes || length > maxMessageBytes + commandOverheadBytes) throw new RangeError(`a message of ${length} bytes`)
      if (available < length) break
      const joined = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)
      yield joined.subarray(0, length)
      available -= length
      chunks = available > 0 ? [joined.subarray(length)] : []
    }
  }
}

// Only the first handshake still comes this way.
const parseQuery = (message: Buffer): Request => {
  const start = message.indexOf(0, 20) + 9
  const body = message.subarray(start, start + message.readInt32LE(start))
  return { id: message.readInt32LE(4), opCode: opQuery, body, sequence: null, wantsReply: true }
}

const parseMessage = (message: Buffer): Request => {
  const flags = message.readUInt32LE(headerBytes)
  const end = message.length - (flags & checksumPresent ? 4 : 0)
  let body: Buffer | undefined
  let sequence: Buffer | null = null
  for (let at = headerBytes + 4; at < end; ) {
    const kind = message[at]
    const start = at + 1
    const next = start + message.readInt32LE(start)
    if (next <= start || next > end) throw new RangeError('a section ends outside of its message')
    if (kind === 0) body = message.subarray(start, next)
    else sequence = message.subarray(message.indexOf(0, start + 4) + 1, next)
    at = next
  }
  if (!body) throw new RangeError('a message without a command')
  return { id: message.readInt32LE(4), opCode: opMessage, body, sequence, wantsReply: (flags & moreToCome) === 0 }
}

/** @throws RangeError on anything but OP_MSG and OP_QUERY, or what is cut short */
export const parseRequest = (message: Buffer): Request => {
  const opCode = message.readInt32LE(12)
  if (opCode === opMessage) return parseMessage(message)
  if (opCode === opQuery) return parseQuery(message)
  throw new RangeError(`opcode ${opCode} is not supported`)
}

/** Puts a reply's BSON into the message that answers this request. */
export const frameReply = (request: Request, reply: Uint8Array): Buffer => {
  // OP_MSG: flags, kind of the section. OP_REPLY: flags (8 = awaitable), cursor, start, number of documents.
  const prefix = Buffer.alloc(headerBytes + (request.opCode === opMessage ? 5 : 20))
  prefix.writeInt32LE(prefix.length + reply.length, 0)
  prefix.writeInt32LE(request.id, 8)
  prefix.writeInt32LE(request.opCode === opMessage ? opMessage : opReply, 12)
  if (request.opCode === opQuery) {
    prefix.writeInt32LE(8, headerBytes)
    prefix.writeInt32LE(1, headerBytes + 16)
  }
  return Buffer.concat([prefix, reply])
}
