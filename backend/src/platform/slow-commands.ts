import type { mongo } from 'mongoose'
import type { Logger } from './logger.js'

const mostInFlight = 10_000

/** The names of a command's fields, without a value: `{conversationId,seq:{$lt}}`. */
export const shapeOf = (value: unknown, depth = 0): string => {
  if (Array.isArray(value)) return value.length > 0 ? `[${shapeOf(value[0], depth + 1)}]` : '[]'
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype || depth > 4) return '?'
  const fields = Object.entries(value).map(([name, inner]) => {
    const shape = shapeOf(inner, depth + 1)
    return shape === '?' ? name : `${name}:${shape}`
  })
  return `{${fields.join(',')}}`
}

const describe = ({ commandName, command }: mongo.CommandStartedEvent) => {
  const query: unknown = command.filter ?? command.query ?? command.q ?? command.pipeline ?? command.updates ?? command.deletes
  return { command: commandName, collection: String(command[commandName]), ...(query === undefined ? {} : { shape: shapeOf(query) }) }
}

/** Logs every command that takes longer than that: its name, collection and shape, never a value. */
export const logSlowCommands = (client: mongo.MongoClient, logger: Logger, slowMs: number): void => {
  const inFlight = new Map<number, mongo.CommandStartedEvent>()
  client.on('commandStarted', (event) => {
    if (inFlight.size < mostInFlight) inFlight.set(event.requestId, event)
  })
  const ended = (outcome: 'succeeded' | 'failed') => (event: { requestId: number; duration: number }) => {
    const started = inFlight.get(event.requestId)
    inFlight.delete(event.requestId)
    if (started && event.duration > slowMs)
      logger.warn({ ...describe(started), milliseconds: Math.round(event.duration), outcome }, 'MongoDB: slow command')
  }
  client.on('commandSucceeded', ended('succeeded'))
  client.on('commandFailed', ended('failed'))
}
