import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { within } from '../../../../dev/services/deadline.js'
import { findOnPath } from '../../../../dev/services/executables.js'
import { isAlive } from '../../../../dev/services/processes.js'

const killDeadlineSeconds = 10

/** A child that can be killed, stopped and continued by its own id, and that does not outlive this process where setpriv(1) is there. */
export class Process {
  readonly #child: ChildProcess
  readonly #exited: Promise<void>

  constructor(command: string, words: readonly string[], options: { environment?: NodeJS.ProcessEnv; logFile: string }) {
    const setpriv = findOnPath('setpriv', process.env)
    const line = setpriv === undefined ? [command, ...words] : [setpriv, '--pdeathsig', 'KILL', command, ...words]
    const log = openSync(options.logFile, 'a')
    this.#child = spawn(line[0] ?? command, line.slice(1), { env: options.environment ?? process.env, stdio: ['ignore', log, log] })
    closeSync(log)
    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', () => resolve())
      this.#child.once('error', () => resolve())
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null || !isAlive(this.pid)
  }

  get exited(): Promise<void> {
    return this.#exited
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** @throws where it has not gone by the deadline */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL') // also ends one that SIGSTOP holds
    await within(killDeadlineSeconds, `the end of process ${this.pid}`, this.#exited)
  }

  /** Asks it to end, and kills it where it does not in time. */
  async end(signal: NodeJS.Signals, deadlineSeconds: number): Promise<void> {
    this.#child.kill(signal)
    await within(deadlineSeconds, `the end of process ${this.pid}`, this.#exited).catch(() => this.kill())
  }
}
