import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { request } from 'undici'
import { becomesTrue } from '../../../../dev/services/deadline.js'
import { freePort } from '../../../../dev/services/free-port.js'
import { Process } from './process.js'
import { readyDeadlineSeconds, type Workers, type WorkersSetting } from './workers.js'

const restartPauseMs = 200
const drainDeadlineSeconds = 40

/** Whether whoever listens there says that it serves. */
const isReady = async (origin: string): Promise<boolean> => {
  try {
    const { statusCode, body } = await request(`${origin}/health/ready`, { headersTimeout: 2000, bodyTimeout: 2000, reset: true })
    await body.dump()
    return statusCode === 200
  } catch {
    return false
  }
}

/** One worker: started again whenever it ends by itself. */
class Worker {
  readonly #start: () => Process
  #process: Process
  #stopping = false
  #kept: Promise<void>

  constructor(start: () => Process) {
    this.#start = start
    this.#process = start()
    this.#kept = this.#keep()
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.signal(signal)
  }

  /** Ends it as an operator does; it is started again. */
  async replace(): Promise<void> {
    await this.#process.end('SIGINT', drainDeadlineSeconds)
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await this.#process.kill()
    await this.#kept
  }

  async #keep(): Promise<void> {
    for (;;) {
      await this.#process.exited
      if (this.#stopping) return
      await sleep(restartPauseMs)
      this.#process = this.#start()
      if (this.#stopping) await this.#process.kill()
    }
  }
}

/** Workers as plain processes, each at a port of its own. */
export class PlainWorkers implements Workers {
  readonly kind = 'plain'
  readonly origins: readonly string[]
  readonly #workers: readonly Worker[]
  readonly #logFile: string

  private constructor(origins: readonly string[], workers: readonly Worker[], logFile: string) {
    this.origins = origins
    this.#workers = workers
    this.#logFile = logFile
  }

  static async start(setting: WorkersSetting): Promise<PlainWorkers> {
    const logFile = join(setting.logFolder, 'workers.log')
    const ports = await Promise.all(Array.from({ length: setting.count }, () => freePort()))
    const entry = join(setting.distFolder, 'index.js')
    const workers = ports.map((port, number) => {
      const environment = { ...setting.environmentFor(number), PORT: String(port), NODE_APP_INSTANCE: String(number) }
      return new Worker(() => new Process(process.execPath, ['--enable-source-maps', entry], { environment, logFile }))
    })
    const started = new PlainWorkers(
      ports.map((port) => `http://127.0.0.1:${port}`),
      workers,
      logFile,
    )
    await started.ready().catch(async (error: unknown) => {
      await started.stop()
      throw error
    })
    return started
  }

  get count(): number {
    return this.#workers.length
  }

  async signal(worker: number, signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    this.#workers[worker]?.signal(signal)
  }

  async reload(): Promise<void> {
    for (const [number, worker] of this.#workers.entries()) {
      await worker.replace()
      const origin = this.origins[number] ?? ''
      if (!(await becomesTrue(readyDeadlineSeconds, () => isReady(origin), 50))) throw new Error(`Worker ${number} did not come back`)
    }
  }

  async ready(): Promise<void> {
    const all = async () => (await Promise.all(this.origins.map(isReady))).every(Boolean)
    if (await becomesTrue(readyDeadlineSeconds, all, 50)) return
    throw new Error(`The workers were not ready in ${readyDeadlineSeconds} s:\n${readFileSync(this.#logFile, 'utf8').slice(-4000)}`)
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.stop()))
  }
}
