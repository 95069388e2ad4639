import { userInfo } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import type { Config } from '../config.js'
import { createContext } from '../context.js'
import { Problem } from '../http/problem.js'
import { createLogger } from '../platform/logger.js'
import { CommandError, type Tools } from './command.js'

const databaseDeadlineMs = 10_000
const redisDeadlineMs = 5000
const lookEveryMs = 50

/**
 * Does one thing as a worker that serves nobody: with a lease, so that another worker tells what this one left.
 * @throws CommandError where it is refused, Error where MongoDB cannot be reached
 */
export const runCommand = async (config: Config, name: string, work: (tools: Tools) => Promise<void>): Promise<void> => {
  const logger = createLogger(config.server.logLevel === 'silent' ? 'silent' : 'error', pino.destination({ fd: 2, sync: true }))
  const context = createContext(config, logger)
  const { print, tell, by } = operatorsTools()
  context.start()
  try {
    await context.mongo.whenReady(AbortSignal.timeout(databaseDeadlineMs)).catch((error: unknown) => {
      throw new Error(`MongoDB cannot be used: not ready within ${databaseDeadlineMs / 1000} s`, { cause: error })
    })
    if (!(await redisIsThere(context.redisReady))) tell('Redis cannot be reached: the workers learn of it from the database')
    await work({ context, config, by, print, tell })
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    await context.audit.record({ action: 'admin.refused', outcome: 'refused', ...by, detail: { call: name, code: error.code } })
    const faults = (error.errors ?? []).map(({ path, message }) => `\n  ${path}: ${message}`)
    throw new CommandError([error.detail ?? error.title, ...faults].join(''), { cause: error })
  } finally {
    await context.close()
  }
}

/** What a command that opens no context has at hand. */
export const operatorsTools = (): Pick<Tools, 'print' | 'tell' | 'by'> => ({
  print: (line) => void process.stdout.write(`${line}\n`),
  tell: (line) => void process.stderr.write(`${line}\n`),
  by: { actor: { kind: 'operator', id: userInfo().username } },
})

const redisIsThere = async (ready: () => boolean): Promise<boolean> => {
  const deadline = performance.now() + redisDeadlineMs
  while (!ready() && performance.now() < deadline) await sleep(lookEveryMs)
  return ready()
}
