import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { viewForAll } from '../../src/features/messages/view.js'
import { aMessage } from '../stream/message.js'
import { serve } from '../stream/serve.js'

/** What Node can do at best: one Buffer, made once, written to every open response. No user, no Redis, nothing to look up. */
const world = String(process.env['WORLD'])
const responses = new Set<ServerResponse>()

const server = createServer((request, response) => {
  response.useChunkedEncodingByDefault = false // the faster way: no chunk around each frame
  response.shouldKeepAlive = false
  response.writeHead(200, { 'Content-Type': 'text/event-stream' })
  response.write(': connected\n\n')
  responses.add(response)
  request.on('close', () => responses.delete(response))
})

server.listen(0, '127.0.0.1', () => {
  serve((server.address() as AddressInfo).port, (conversation, n) => {
    const message = viewForAll(aMessage(world, conversation, n))
    const data = { type: 'message.created', conversationId: message.conversationId, at: message.createdAt, message }
    const frame = Buffer.from(`id: ${message.id}\nevent: message.created\ndata: ${JSON.stringify(data)}\n\n`)
    for (const response of responses) response.write(frame)
    return Promise.resolve()
  })
})
