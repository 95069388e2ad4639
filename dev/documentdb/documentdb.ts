import { type ChildProcess, fork } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { supportsThisMachine } from './machine.js'
import { ensureRoot } from './root/root.js'
import type { ServerMessage, ServerOptions } from './server/messages.js'

export { isCached } from './cache.js'
export { supportsThisMachine } from './machine.js'

const startDeadlineMs = 120_000
const stopDeadlineMs = 20_000
const serverFile = fileURLToPath(new URL('server/server.ts', import.meta.url))
const typescriptLoader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href

export interface DocumentDbOptions {
  /** Holds the data and the log; made if need be, used again if it is there, even after a crash. */
  readonly dataFolder: string
  /** False is for tests: nothing waits for the disk, so that a crash of the machine (not of a process) loses data. */
  readonly durable: boolean
  /** Told what takes long: the first start fetches some 55 MB. */
  readonly progress: (line: string) => void
}

/** A running engine. Stops when asked, and by itself when this process ends, however that comes. */
export interface DocumentDb {
  /** mongodb://127.0.0.1:PORT/?replicaSet=rs0 */
  readonly url: string
  stop(): Promise<void>
}

const launch = (options: ServerOptions, logFile: string): ChildProcess => {
  const log = openSync(logFile, 'w')
  try {
    return fork(serverFile, [JSON.stringify(options)], {
      execArgv: ['--import', typescriptLoader],
      detached: true, // Ctrl-C is for this process, which stops the engine when it is done with it
      stdio: ['ignore', log, log, 'ipc'],
    })
  } finally {
    closeSync(log)
  }
}

const firstMessage = (child: ChildProcess): Promise<ServerMessage> =>
  new Promise((resolve) => {
    const fail = (reason: string) => resolve({ kind: 'failed', reason })
    const timer = setTimeout(() => fail(`no answer in ${startDeadlineMs / 1000} s`), startDeadlineMs)
    child.once('message', (message: ServerMessage) => resolve(message))
    child.once('error', (error) => fail(error.message))
    child.once('exit', (code, signal) => fail(`its process ended (${signal ?? code})`))
    child.once('exit', () => clearTimeout(timer))
    child.once('message', () => clearTimeout(timer))
  })

const stop = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = new Promise<'exited'>((resolve) => child.once('exit', () => resolve('exited')))
  if (child.connected) child.disconnect() // the server takes it for our end, and stops
  const patience = new AbortController()
  const outcome = await Promise.race([exited, delay(stopDeadlineMs, 'late' as const, { signal: patience.signal })])
  patience.abort()
  if (outcome === 'exited') return
  child.kill('SIGKILL') // Postgres then stops by itself
  await exited
}

/**
 * Starts a MongoDB-compatible engine on 127.0.0.1, on a free port.
 * @throws Error if this machine cannot run it, if it cannot be fetched, or if it does not start in 120 s
 */
export const startDocumentDb = async ({ dataFolder, durable, progress }: DocumentDbOptions): Promise<DocumentDb> => {
  const support = supportsThisMachine()
  if (!support.supported) throw new Error(`DocumentDB cannot run here: ${support.reason}`)
  const root = await ensureRoot(progress)
  const folder = resolve(dataFolder)
  mkdirSync(folder, { recursive: true })
  const logFile = join(folder, 'documentdb.log')
  const child = launch({ root, dataFolder: folder, durable }, logFile)
  const message = await firstMessage(child)
  if (message.kind === 'failed') {
    await stop(child)
    throw new Error(`DocumentDB did not start: ${message.reason}\n${readFileSync(logFile, 'utf8').slice(-2000)}`)
  }
  // An engine keeps no process running that has nothing else to do.
  child.unref()
  child.channel?.unref()
  return { url: message.url, stop: () => stop(child) }
}
