import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express, { type Response } from 'express'
import { Redis } from 'ioredis'
import jwt from 'jsonwebtoken'
import { viewForAll } from '../../src/features/messages/view.js'
import { aMessage } from '../stream/message.js'
import { serve } from '../stream/serve.js'

/**
 * Server-Sent Events as guides to deploying them show it: events as JSON on two Redis channels, one for what goes to a person and one for
 * what goes to a room; every worker parses each and writes it anew for each of its clients. Nothing is kept: who is away misses it.
 * Kinder than many: a room knows its clients, so that not every client has to be looked at.
 */
interface Event {
  readonly to: string
  readonly id: string
  readonly event: string
  readonly data: object
}

const heartbeatMs = 30_000
const world = String(process.env['WORLD'])
const secret = String(process.env['JWT_SECRET'])
const publisher = new Redis(String(process.env['REDIS_URL']))
const subscriber = new Redis(String(process.env['REDIS_URL']))

const clientsOfUser = new Map<string, Set<Response>>()
const clientsInRoom = new Map<string, Set<Response>>()

const add = (sets: Map<string, Set<Response>>, key: string, client: Response): void => {
  sets.set(key, (sets.get(key) ?? new Set()).add(client))
}

const app = express()
app.get('/sse', (request, response) => {
  const { sub } = jwt.verify(String(request.headers.authorization).slice('Bearer '.length), secret) as { sub: string }
  const { rooms: own } = request.query
  response.writeHead(200, {
    'Content-Type': 'text/event-stream',
    'Cache-Control': 'no-cache',
    Connection: 'keep-alive',
    'X-Accel-Buffering': 'no',
  })
  response.write(': connected\n\n')
  const rooms = typeof own === 'string' ? own.split(',') : []
  add(clientsOfUser, sub, response)
  for (const room of rooms) add(clientsInRoom, room, response)
  const heartbeat = setInterval(() => response.write(': heartbeat\n\n'), heartbeatMs)
  request.on('close', () => {
    clearInterval(heartbeat)
    clientsOfUser.get(sub)?.delete(response)
    for (const room of rooms) clientsInRoom.get(room)?.delete(response)
  })
})

subscriber.on('message', (channel, message) => {
  const { to, id, event, data } = JSON.parse(message) as Event
  const clients = channel === 'sse:user' ? clientsOfUser : clientsInRoom
  for (const client of clients.get(to) ?? []) client.write(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
})
await subscriber.subscribe('sse:user', 'sse:room')

const server = createServer(app).listen(0, '127.0.0.1', () => {
  serve((server.address() as AddressInfo).port, (conversation, n) => {
    const message = viewForAll(aMessage(world, conversation, n))
    const { id, conversationId, createdAt } = message
    const data = { type: 'message.created', conversationId, at: createdAt, message }
    const event: Event = { to: String(conversation), id, event: 'message.created', data }
    return publisher.publish('sse:room', JSON.stringify(event))
  })
})
