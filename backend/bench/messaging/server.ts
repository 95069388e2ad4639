import { setTimeout as sleep } from 'node:timers/promises'
import { createApp } from '../../src/app.js'
import { readConfig } from '../../src/config.js'
import { createContext } from '../../src/context.js'
import { HttpServer } from '../../src/http/server.js'
import { createLogger } from '../../src/platform/logger.js'
import { answerQuestions } from '../answers.js'

/** The real server. It answers how much CPU time it has used. */
const readyMs = 20_000
const askEveryMs = 25

const config = readConfig()
const context = createContext(config, createLogger(config.server.logLevel))
const port = await new HttpServer(createApp(context)).listen(0, '127.0.0.1')
context.start()
const signal = AbortSignal.timeout(readyMs)
await context.mongo.whenReady(signal)
while (!context.redisReady()) await sleep(askEveryMs, undefined, { signal })

answerQuestions({ port }, () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
})
