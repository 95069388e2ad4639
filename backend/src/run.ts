import { createApp } from './app.js'
import type { Config } from './config.js'
import { createContext } from './context.js'
import { MetricsServer } from './features/metrics/index.js'
import { type Listening, listen } from './listen.js'
import { openLog } from './log.js'
import { earliestOf } from './platform/earliest-signal.js'
import { closeTelemetry, openTelemetry, type Telemetry } from './platform/telemetry/telemetry.js'
import { checkStorage } from './storage-start.js'

/** Longer than the keep-alive time, so that idle connections end by themselves; shorter than PM2's kill_timeout. */
const drainDeadlineMs = 12_000
const closeDeadlineMs = 12_000
/** A worker is asked once it can answer, so that whoever replaces workers one by one fails no request. Where the database stays away, it says so. */
const mostBeforeListeningMs = 3000

/** Serves until SIGTERM or SIGINT, then drains and exits. @throws where the port cannot be listened on, ConfigError where the log cannot be opened */
export const run = async (config: Config): Promise<void> => {
  const logger = openLog(config.server)
  for (const warning of config.warnings) logger.warn(warning)
  const telemetry = await openTelemetry(config.telemetry)
  if (telemetry.errors) reportLastErrors(telemetry)
  const context = createContext(config, logger, {}, telemetry)
  const metrics = new MetricsServer(context)
  let server: Listening | undefined

  const stopping = new AbortController()
  const stop = async (reason: string): Promise<void> => {
    if (stopping.signal.aborted) return
    stopping.abort()
    logger.info({ reason }, 'draining')
    setTimeout(() => process.exit(1), drainDeadlineMs + closeDeadlineMs).unref() // nothing may hold up an exit
    context.hub.drain()
    await server?.drain(drainDeadlineMs)
    await metrics.close()
    await context.close()
    await closeTelemetry(telemetry)
    logger.info('stopped')
    process.exit(0)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(signal))

  context.mongo.once('replaced', () => {
    logger.fatal('the database is another one than before: starting anew')
    process.exit(1) // at once: what is still to be written is of the former one
  })
  context.start()
  await context.mongo.whenReady(earliestOf(stopping.signal, AbortSignal.timeout(mostBeforeListeningMs))).catch(() => undefined)
  if (stopping.signal.aborted) return
  server = await listen(createApp(context), { config, logger })
  const { port, redirectPort } = server
  const { host, worker } = config.server
  if (config.metrics.port === undefined && !config.metrics.beside)
    logger.warn('METRICS_PORT is not set: of several workers none can be asked for /metrics')
  const metricsPort = config.metrics.port === undefined ? undefined : await metrics.listen(config.metrics.port, config.metrics.host)
  const places = { host, port, redirectPort, metricsPort }
  logger.info({ ...places, worker, tls: config.tls !== undefined, redis: config.redis !== undefined }, 'listening')

  void checkStorage(context.storage, { logger, signal: stopping.signal }).then((good) => {
    if (good || config.environment !== 'production' || stopping.signal.aborted) return
    logger.fatal('the storage is not fit for production: not starting')
    process.exit(1)
  })
  await context.mongo.whenReady(stopping.signal).then(
    () => process.send?.('ready'), // PM2's wait_ready
    () => undefined,
  )
}

/** What nobody caught ends the process, as it does without this; it is told before. */
const reportLastErrors = (telemetry: Telemetry): void => {
  const end = async (error: Error): Promise<void> => {
    telemetry.errors?.report(error)
    await closeTelemetry(telemetry)
    process.exit(1)
  }
  process.once('uncaughtException', (error: Error) => void end(error))
}
