import { randomBytes, randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import supertest from 'supertest'
import { inject, vi } from 'vitest'
import { createApp } from '../../src/app.js'
import { readConfig } from '../../src/config.js'
import type { ContextTiming } from '../../src/context/timing.js'
import { type Context, createContext } from '../../src/context.js'
import { limitNames } from '../../src/http/limits-table.js'
import { listen } from '../../src/listen.js'
import { createLogger } from '../../src/platform/logger.js'
import type { ShownMessage } from '../../src/platform/outlet.js'
import type { Telemetry } from '../../src/platform/telemetry/telemetry.js'

/** The whole server in this process, over a database of its own, and what a test needs to look into it. */
export interface TestApp {
  readonly context: Context
  readonly url: string
  /** Where HTTP_REDIRECT_PORT is. */
  readonly redirectPort: number | undefined
  /** Asks the server, from its root. */
  readonly request: ReturnType<typeof supertest>
  /** The JWT_SECRET. */
  readonly secret: string
  /** Where uploads are kept. */
  readonly uploads: string
  /** Every line that was logged; none unless LOG_LEVEL is given. */
  readonly logs: readonly string[]
  /** Every SMS and mail that was to be sent, where no provider is configured. */
  readonly sent: readonly ShownMessage[]
  close(): Promise<void>
}

interface Options extends ContextTiming {
  readonly waitForDatabase?: boolean
  readonly waitForRedis?: boolean
  readonly telemetry?: Telemetry
}

const startDeadlineMs = 30_000
/** How many apps serve a database: the last one to close drops it. */
const appsOf = new Map<string, number>()

/** A URI for a database that nobody else has. */
export const aDatabase = (): string => {
  const url = new URL(inject('mongoUrl'))
  url.pathname = `/test-${randomUUID()}`
  return url.href
}

/** An environment that is good to start with, and whose limits nobody reaches. */
const aTestEnvironment = (): Record<string, string> => ({
  NODE_ENV: 'test',
  LOG_LEVEL: 'silent',
  PORT: '0',
  MONGO_URI: aDatabase(),
  REDIS_URL: inject('redisUrl'),
  UPLOAD_DIR: join(tmpdir(), `heliograph-uploads-${randomUUID()}`), // made by who first needs it
  JWT_SECRET: randomBytes(48).toString('base64'),
  PHONE_VERIFICATION: 'optional',
  MAX_LOGIN_ATTEMPTS: '1000000',
  ...Object.fromEntries(limitNames.map((name) => [`LIMIT_${name.toUpperCase()}`, '1000000/s'])),
})

/** Starts the server on a free port. `overrides` are environment variables; an empty one is unset. */
export const startTestApp = async (
  overrides: Readonly<Record<string, string>> = {},
  { waitForDatabase = true, waitForRedis = true, telemetry = {}, ...timing }: Options = {},
): Promise<TestApp> => {
  const environment = { ...aTestEnvironment(), ...overrides }
  const config = readConfig(environment)
  const logs: string[] = []
  const sent: ShownMessage[] = []
  const logger = createLogger(config.server.logLevel, { write: (line) => void logs.push(line) })
  const context = createContext(config, logger, { outlet: (message) => void sent.push(message), ...timing }, telemetry)
  const server = await listen(createApp(context), { config, logger, lookEveryMs: 20 })
  const database = new URL(config.mongo.uri).pathname
  appsOf.set(database, (appsOf.get(database) ?? 0) + 1)
  context.start()
  if (waitForDatabase) await context.mongo.whenReady(AbortSignal.timeout(startDeadlineMs))
  if (waitForRedis) await vi.waitUntil(context.redisReady, { timeout: startDeadlineMs, interval: 5 })
  const url = `${config.tls ? 'https' : 'http'}://127.0.0.1:${server.port}`
  return {
    context,
    url,
    redirectPort: server.redirectPort,
    request: supertest(url),
    secret: environment.JWT_SECRET ?? '',
    uploads: config.storage.local.folder,
    logs,
    sent,
    async close() {
      context.hub.drain()
      await server.drain(0)
      const others = (appsOf.get(database) ?? 1) - 1
      appsOf.set(database, others)
      if (others === 0 && context.mongo.ready) await context.mongo.connection.dropDatabase()
      await context.close()
      if (!overrides.UPLOAD_DIR) await rm(config.storage.local.folder, { recursive: true, force: true })
    },
  }
}
