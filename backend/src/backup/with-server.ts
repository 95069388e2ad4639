import type { mongo } from 'mongoose'
import { pino } from 'pino'
import type { Config } from '../config.js'
import type { AuditDocument, AuditEntry } from '../features/audit/index.js'
import { createLogger, type Logger } from '../platform/logger.js'
import { openServer, type Server } from './database.js'

interface Opened extends Server {
  /** The database that is configured. */
  readonly db: mongo.Db
  readonly logger: Logger
  /** Puts an entry into its audit log. */
  readonly record: (entry: AuditEntry) => Promise<void>
}

/** Opens the database without being a worker of it, and closes it. */
export const withServer = async (config: Config, work: (opened: Opened) => Promise<void>): Promise<void> => {
  const logger = createLogger(config.server.logLevel === 'silent' ? 'silent' : 'error', pino.destination({ fd: 2, sync: true }))
  const server = await openServer(config)
  const db = server.client.db(server.database)
  const record = async (entry: AuditEntry): Promise<void> => {
    await db.collection<Omit<AuditDocument, '_id'>>('audit').insertOne({ ...entry, at: new Date() })
  }
  try {
    await work({ ...server, db, logger, record })
  } finally {
    await server.client.close()
  }
}
