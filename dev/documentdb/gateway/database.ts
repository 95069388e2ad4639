import { Pool, type PoolClient } from 'pg'
import { connectionSettings } from '../postgres/connection.js'
import { isDown } from './sqlstate.js'

const connections = 60
const transactionConnections = 60
const searchPath = 'documentdb_api_catalog,documentdb_api,documentdb_core,public'
// The deadline of what came without maxTimeMS.
const statementTimeoutMs = 600_000

/** A column of a result: a BSON value as its bytes, anything else as Postgres writes it. */
export type Cell = Buffer | string | null
export type Connection = PoolClient

export interface Statement {
  /** Prepared once a connection under this name; without one it is parsed every time. */
  readonly name?: string
  readonly text: string
  readonly values: readonly (Uint8Array | string | null)[]
}

export interface QueryOptions {
  /** The transaction's connection, else any. */
  readonly connection?: Connection | undefined
  readonly maxTimeMs?: number | undefined
}

// node-postgres cannot read results in binary; a BSON value comes as its bytes in hex, marked.
const marker = 'BSONHEX'
const decode = (value: string): Cell => (value.startsWith(marker) ? Buffer.from(value.slice(marker.length), 'hex') : value)

const makePool = (socketFolder: string, max: number): Pool => {
  const pool = new Pool({
    ...connectionSettings(socketFolder),
    max,
    idleTimeoutMillis: 60_000,
    types: { getTypeParser: () => decode },
    options: `-c search_path=${searchPath} -c client_min_messages=warning -c statement_timeout=${statementTimeoutMs}`,
  })
  // A broken connection fails its statement, which tells it; unheard, the event would end the process.
  pool.on('error', () => {})
  pool.on('connect', (client) => void client.on('error', () => {}))
  return pool
}

export const bsonCell = (cell: Cell | undefined): Buffer => {
  if (!Buffer.isBuffer(cell)) throw new TypeError('the extension answered without a document')
  return cell
}
export const isTrue = (cell: Cell | undefined): boolean => cell === 't'

/** The way to Postgres. Transactions have connections of their own, so that waiting ones cannot starve the rest. */
export class Database {
  readonly #pool: Pool
  readonly #transactionPool: Pool
  /** Whether Postgres answered when it was last asked. */
  up = true

  constructor(socketFolder: string) {
    this.#pool = makePool(socketFolder, connections)
    this.#transactionPool = makePool(socketFolder, transactionConnections)
  }

  /** @returns the first row; empty if there is none @throws Error as Postgres or node-postgres raises it */
  async query(statement: Statement, options: QueryOptions = {}): Promise<Cell[]> {
    let broken = false
    let own: Connection | undefined
    try {
      own = options.connection ? undefined : await this.#pool.connect()
      const row = await this.#run(options.connection ?? own, statement, options.maxTimeMs)
      this.up = true
      return row
    } catch (error) {
      broken = isDown(error)
      if (broken) this.up = false
      throw error
    } finally {
      own?.release(broken)
    }
  }

  async #run(connection: Connection | undefined, statement: Statement, maxTimeMs: number | undefined): Promise<Cell[]> {
    if (!connection) throw new Error('no connection')
    const { values, ...query } = statement
    const config = { ...query, values: [...values], rowMode: 'array' as const }
    if (!maxTimeMs) return (await connection.query<Cell[]>(config)).rows[0] ?? []
    await connection.query(`SET statement_timeout = ${Math.max(1, Math.trunc(maxTimeMs))}`)
    try {
      return (await connection.query<Cell[]>(config)).rows[0] ?? []
    } finally {
      // Fails in a failed transaction, whose rollback undoes it anyway.
      await connection.query('SET statement_timeout = DEFAULT').catch(() => {})
    }
  }

  /** Begins a transaction. The caller ends it and releases the connection. */
  async begin(): Promise<Connection> {
    const connection = await this.#transactionPool.connect()
    try {
      await connection.query("BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL lock_timeout = '200ms'")
      return connection
    } catch (error) {
      connection.release(true)
      throw error
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#pool.end(), this.#transactionPool.end()])
  }
}
