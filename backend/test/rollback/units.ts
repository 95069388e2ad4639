import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { becomesTrue } from '../../../dev/services/deadline.js'
import { Process } from '../chaos/services/process.js'

interface Setting {
  /** Where the version that serves is. */
  readonly folder: string
  readonly ports: readonly number[]
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly logFile: string
}

const readyDeadlineSeconds = 60
/** As the unit says: TimeoutStopSec. */
const stopDeadlineSeconds = 30

const isReady = async (port: number): Promise<boolean> => {
  const answer = await fetch(`http://127.0.0.1:${port}/health/ready`, { signal: AbortSignal.timeout(2000) }).catch(() => undefined)
  await answer?.body?.cancel()
  return answer?.status === 200
}

/** Workers as systemd has them, one for each port, and what `systemctl` asks for them. */
export class Units {
  readonly #setting: Setting
  readonly #processes = new Map<number, Process>()
  readonly #server = createServer((request, response) => {
    this.#restart(request.url ?? '').then(
      () => response.end('done\n'),
      (error: unknown) => response.writeHead(500).end(`${String(error)}\n`),
    )
  })
  #beforeStop: (port: number) => Promise<'SIGTERM' | 'SIGKILL'> = () => Promise.resolve('SIGTERM')

  constructor(setting: Setting) {
    this.#setting = setting
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    for (const port of this.#setting.ports) this.#run(port)
    const all = async () => (await Promise.all(this.#setting.ports.map(isReady))).every(Boolean)
    if (!(await becomesTrue(readyDeadlineSeconds, all, 50))) throw new Error('the workers were not ready in time')
  }

  /** What stands for systemctl. */
  get systemctl(): string {
    const { port } = this.#server.address() as AddressInfo
    return `exec curl -fsS -X POST "http://127.0.0.1:${port}/$1/$2"`
  }

  /** Asked before a worker is stopped: by which signal. */
  set beforeStop(ask: (port: number) => Promise<'SIGTERM' | 'SIGKILL'>) {
    this.#beforeStop = ask
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await Promise.all([...this.#processes.values()].map((each) => each.kill()))
  }

  #run(port: number): void {
    const { folder, environment, logFile } = this.#setting
    const words = ['--enable-source-maps', join(folder, 'backend/dist/index.js')]
    this.#processes.set(port, new Process(process.execPath, words, { environment: { ...environment, PORT: String(port) }, logFile }))
  }

  async #restart(path: string): Promise<void> {
    const port = Number(/^\/restart\/heliograph@(\d+)$/.exec(path)?.[1])
    const running = this.#processes.get(port)
    if (!running) throw new Error(`no such unit: ${path}`)
    await running.end(await this.#beforeStop(port), stopDeadlineSeconds)
    this.#run(port)
  }
}
