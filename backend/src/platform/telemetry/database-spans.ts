import type { Span } from '@opentelemetry/api'
import type { mongo } from 'mongoose'
import { endSpan } from './span.js'
import type { Tracing } from './tracing.js'

const mostInFlight = 10_000

/** Makes a part of the request that asks of each command to MongoDB: its name and its collection. */
export const traceCommands = (client: mongo.MongoClient, tracing: Pick<Tracing, 'call'>): void => {
  const inFlight = new Map<number, Span>()
  client.on('commandStarted', ({ requestId, commandName, command }) => {
    if (inFlight.size >= mostInFlight) return
    const collection: unknown = command[commandName]
    const span = tracing.call(typeof collection === 'string' ? `${commandName} ${collection}` : commandName, {
      'db.system.name': 'mongodb',
      'db.operation.name': commandName,
      ...(typeof collection === 'string' && { 'db.collection.name': collection }),
    })
    if (span) inFlight.set(requestId, span)
  })
  const ended = (failed: boolean) => (event: { requestId: number }) => {
    const span = inFlight.get(event.requestId)
    inFlight.delete(event.requestId)
    if (span) endSpan(span, { failed })
  }
  client.on('commandSucceeded', ended(false))
  client.on('commandFailed', ended(true))
}
