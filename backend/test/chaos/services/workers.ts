/** The workers of the product, however they are run. */
export interface Workers {
  readonly kind: 'plain' | 'pm2'
  readonly count: number
  /** Where requests can be sent: one for each worker, or one for all. */
  readonly origins: readonly string[]
  signal(worker: number, signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void>
  /** Replaces every worker by a new one, one after the other, as a new release does. */
  reload(): Promise<void>
  /** Resolves when all of them serve. @throws with the end of their log, where they do not in time */
  ready(): Promise<void>
  stop(): Promise<void>
}

export interface WorkersSetting {
  readonly count: number
  /** The built product: a folder with index.js. */
  readonly distFolder: string
  /** Removed at the end. */
  readonly folder: string
  /** Where what they log is kept. */
  readonly logFolder: string
  /** The variables of the worker of this number; the port is added. */
  environmentFor(worker: number): NodeJS.ProcessEnv
}

export const readyDeadlineSeconds = 60
