import type { mongo } from 'mongoose'
import { Histogram, type Registry } from 'prom-client'
import { measuredGauge } from './measured.js'

/** Commands that are told apart; the driver and the server know more. */
const commands = new Set([
  'find',
  'getMore',
  'aggregate',
  'count',
  'distinct',
  'insert',
  'update',
  'delete',
  'findAndModify',
  'ping',
  'hello',
])

interface PoolState {
  /** Connections by server and number. */
  readonly open: Set<string>
  readonly inUse: Set<string>
  waiting: number
}

/** How long commands take, and what becomes of the pool's connections. */
export class DatabaseMetrics {
  readonly #durations: Histogram<'command' | 'outcome'>
  #pool: PoolState = { open: new Set(), inUse: new Set(), waiting: 0 }

  constructor(registry: Registry) {
    this.#durations = new Histogram({
      name: 'db_command_duration_seconds',
      help: 'From when a command was sent to MongoDB until its answer had come',
      labelNames: ['command', 'outcome'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
      registers: [registry],
    })
    const about = {
      name: 'db_pool_connections',
      help: 'Connections to MongoDB that are open, those of them that are in use, and operations that wait for one',
      label: 'state',
    }
    measuredGauge(registry, about, () => {
      const { open, inUse, waiting } = this.#pool
      return { open: open.size, in_use: inUse.size, waiting: Math.max(0, waiting) }
    })
  }

  /** From now on this client's; one that was lost is not listened to any more. What was opened before is known once it is used. */
  observe(client: mongo.MongoClient): void {
    const ended = (outcome: 'succeeded' | 'failed') => (event: { commandName: string; duration: number }) => {
      const command = commands.has(event.commandName) ? event.commandName : 'other'
      this.#durations.observe({ command, outcome }, event.duration / 1000)
    }
    client.on('commandSucceeded', ended('succeeded'))
    client.on('commandFailed', ended('failed'))
    const pool: PoolState = { open: new Set(), inUse: new Set(), waiting: 0 }
    this.#pool = pool
    client.on('connectionCreated', (event) => pool.open.add(nameOf(event)))
    client.on('connectionClosed', (event) => {
      pool.open.delete(nameOf(event))
      pool.inUse.delete(nameOf(event))
    })
    client.on('connectionCheckOutStarted', () => {
      pool.waiting += 1
    })
    client.on('connectionCheckOutFailed', () => {
      pool.waiting -= 1
    })
    client.on('connectionCheckedOut', (event) => {
      pool.waiting -= 1
      pool.open.add(nameOf(event))
      pool.inUse.add(nameOf(event))
    })
    client.on('connectionCheckedIn', (event) => pool.inUse.delete(nameOf(event)))
  }
}

const nameOf = ({ address, connectionId }: { address: string; connectionId: number | '<monitor>' }): string => `${address}#${connectionId}`
