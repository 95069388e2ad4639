import { once } from 'node:events'
import { loadConfig } from './config.js'
import { createContext } from './context.js'
import { createIndexes } from './platform/indexes.js'
import { createLogger } from './platform/logger.js'

const deadlineMs = 10 * 60_000

/** `npm run migrate`: makes the collections and indexes, and ends. */
const config = await loadConfig()
const logger = createLogger(config.server.logLevel)
const context = createContext(config, logger)
context.mongo.start(() => createIndexes(context.models))
await once(context.mongo, 'ready', { signal: AbortSignal.timeout(deadlineMs) })
logger.info({ collections: context.models.map((model) => model.modelName) }, 'migrated')
await context.close()
