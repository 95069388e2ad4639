import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { EventStream } from '../../src/realtime/stream.js'

const closing: (() => void)[] = []

/** A stream over a real socket, and the socket that reads it. */
export const aSocketStream = async () => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.on('error', () => undefined)
  const requested = once(server, 'request')
  socket.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  const [, response] = (await requested) as [unknown, ServerResponse]
  closing.push(() => {
    socket.destroy()
    server.close()
  })
  const stream = new EventStream(response, { userId: 'u', sessionId: 's' }, ['1-0'])
  stream.open(Buffer.from('first\n\n'))
  let received = ''
  socket.on('data', (chunk) => {
    received += chunk.toString()
  })
  return { stream, response, socket, received: () => received }
}

export const closeSocketStreams = (): void => {
  for (const close of closing.splice(0)) close()
}
