import { setTimeout as sleep } from 'node:timers/promises'
import { createApp } from '../../src/app.js'
import { readConfig } from '../../src/config.js'
import { createContext } from '../../src/context.js'
import { HttpServer } from '../../src/http/server.js'
import { createLogger } from '../../src/platform/logger.js'
import { Outbox } from '../../src/realtime/outbox.js'
import { outboxEntry } from '../../src/realtime/outbox-entry.js'
import { aMessage } from './message.js'
import { serve } from './serve.js'

/**
 * The real server. What it publishes goes the way of a message that the lane has just committed: its outbox, the log, the hubs. The message
 * itself is not in the database, so what follows there is left out: the conversation's lastSeq, and forgetting the outbox entry after 45 s.
 */
const forgetAfterMs = 3_600_000
const readyMs = 20_000
const askEveryMs = 25
const againMs = 100

const config = readConfig()
const logger = createLogger(config.server.logLevel)
const context = createContext(config, logger)
const port = await new HttpServer(createApp(context)).listen(0, '127.0.0.1')
context.start()
const signal = AbortSignal.timeout(readyMs)
await context.mongo.whenReady(signal)
while (!context.redisReady()) await sleep(askEveryMs, undefined, { signal })

const source = { ...context.messageOutbox, followUp: () => undefined }
const outbox = new Outbox({ log: context.log, logger, onEpoch: (epoch) => context.hub.noteEpoch(epoch), forgetAfterMs })
const world = String(process.env['WORLD'])

/** Again until it is told, as the outbox does by itself for what is in the database. @throws at the deadline */
serve(port, async (conversation, n) => {
  const message = aMessage(world, conversation, n)
  const document = { ...message, outbox: [outboxEntry('bench', 'message.created', message.createdAt)] }
  for (let waitedMs = 0; !(await outbox.publishOne(source, document).catch(() => false)); waitedMs += againMs) {
    if (waitedMs >= readyMs) throw new Error('A message was not published')
    await sleep(againMs)
  }
})
