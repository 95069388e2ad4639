import { once } from 'node:events'
import { connect } from 'node:net'
import { type Document, deserialize, serialize } from 'bson'
import { readMessages } from '../../gateway/wire.js'

const opMessage = 2013
const replyStart = 21 // header, flags, kind of the section

/** Sends a command as it is, without what a driver would add to it. @returns the reply */
export const rawCommand = async (url: string, command: Document): Promise<Document> => {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  try {
    await once(socket, 'connect')
    const body = serialize(command)
    const prefix = Buffer.alloc(replyStart)
    prefix.writeInt32LE(prefix.length + body.length, 0)
    prefix.writeInt32LE(opMessage, 12)
    socket.write(Buffer.concat([prefix, body]))
    for await (const message of readMessages(socket)) return deserialize(message.subarray(replyStart))
    throw new Error('the connection ended without a reply')
  } finally {
    socket.destroy()
  }
}
