import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Client } from 'undici'
import { z } from 'zod'
import { becomesTrue } from '../../../../dev/services/deadline.js'
import { freePort } from '../../../../dev/services/free-port.js'
import { projectFolder } from '../../../../dev/services/project.js'
import { run } from '../../../../dev/services/run.js'
import { type Supervised, supervise } from '../../../../dev/services/supervise.js'
import { readyDeadlineSeconds, type Workers, type WorkersSetting } from './workers.js'

const require = createRequire(import.meta.url)
const pm2 = require.resolve('pm2/bin/pm2')
const pm2Runtime = require.resolve('pm2/bin/pm2-runtime')
const Health = z.object({ worker: z.string() })
const probeOptions = { connectTimeout: 1000, headersTimeout: 2000, bodyTimeout: 2000 }

/** The number of the worker that took the connection, where it serves. */
const readyWorker = async (origin: string): Promise<string | undefined> => {
  const client = new Client(origin, probeOptions)
  try {
    const ready = await client.request({ method: 'GET', path: '/health/ready' })
    await ready.body.dump()
    if (ready.statusCode !== 200) return undefined
    const { body } = await client.request({ method: 'GET', path: '/health' })
    return Health.parse(await body.json()).worker
  } catch {
    return undefined
  } finally {
    await client.destroy()
  }
}

/** Workers in PM2's cluster mode, by the project's ecosystem.config.js: one address for all. */
export class Pm2Workers implements Workers {
  readonly kind = 'pm2'
  readonly count: number
  readonly origins: readonly string[]
  readonly #environment: NodeJS.ProcessEnv
  readonly #processes: Supervised
  readonly #logFile: string
  /** Process ids of workers that are held: PM2 would count them otherwise once they are replaced. */
  readonly #held = new Map<number, number>()

  private constructor(count: number, origin: string, environment: NodeJS.ProcessEnv, processes: Supervised, logFile: string) {
    this.count = count
    this.origins = [origin]
    this.#environment = environment
    this.#processes = processes
    this.#logFile = logFile
  }

  static async start(setting: WorkersSetting): Promise<Pm2Workers> {
    const port = await freePort()
    const logFile = join(setting.logFolder, 'pm2-runtime.log')
    const environment = {
      ...setting.environmentFor(0),
      PORT: String(port),
      WORKERS: String(setting.count),
      PM2_HOME: setting.folder,
      LOG_DIR: setting.logFolder,
    }
    const processes = await supervise({
      command: process.execPath,
      arguments: [pm2Runtime, 'start', join(projectFolder, 'ecosystem.config.js')],
      environment,
      stopDeadlineSeconds: 40,
      output: { file: logFile },
    })
    const started = new Pm2Workers(setting.count, `http://127.0.0.1:${port}`, environment, processes, logFile)
    await started.ready().catch(async (error: unknown) => {
      await started.stop()
      throw error
    })
    return started
  }

  async signal(worker: number, signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    const pid = this.#held.get(worker) ?? (await this.#pids())[worker]
    if (pid === undefined || pid <= 0) return // PM2 is about to start it
    if (signal === 'SIGSTOP') this.#held.set(worker, pid)
    if (signal === 'SIGCONT') this.#held.delete(worker)
    process.kill(pid, signal)
  }

  async reload(): Promise<void> {
    await run(process.execPath, [pm2, 'reload', 'chat-api'], { deadlineSeconds: 90, environment: this.#environment })
  }

  async ready(): Promise<void> {
    const seen = new Set<string>()
    const all = async () => {
      const worker = await readyWorker(this.origins[0] ?? '')
      if (worker !== undefined) seen.add(worker)
      return seen.size === this.count
    }
    if (await becomesTrue(readyDeadlineSeconds, all, 50)) return
    throw new Error(`The workers were not ready in ${readyDeadlineSeconds} s:\n${readFileSync(this.#logFile, 'utf8').slice(-4000)}`)
  }

  async stop(): Promise<void> {
    await this.#processes.stop()
  }

  async #pids(): Promise<number[]> {
    const { output } = await run(process.execPath, [pm2, 'pid', 'chat-api'], { deadlineSeconds: 20, environment: this.#environment })
    return output.trim().split('\n').map(Number)
  }
}
