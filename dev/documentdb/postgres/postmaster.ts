import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { programsFolder } from '../root/unpack-packages.js'
import { accountArguments, postgresEnvironment, postgresUserId } from './account.js'
import { runStatements } from './connection.js'
import { socketArguments } from './settings.js'

const startDeadlineMs = 90_000 // recovery after a crash is part of it
const predecessorDeadlineMs = 15_000
const pollMs = 25
// How to stop, how long that may take; each is harsher than the one before.
const stopSteps = [
  ['SIGINT', 15_000],
  ['SIGQUIT', 5_000],
  ['SIGKILL', 5_000],
] as const

export interface PostmasterOptions {
  readonly root: string
  /** The data directory; one postmaster at a time. */
  readonly cluster: string
  readonly socketFolder: string
}

/** A running Postgres, which ends with this process however that ends. */
export interface Postmaster {
  readonly pid: number
  /** Settles when it has ended, asked or not. */
  readonly exited: Promise<void>
  stop(): Promise<void>
}

const readText = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** The process that runs on this data directory, if the one its lock file names is alive and is no other that got the same number. */
const predecessor = (cluster: string): number | undefined => {
  const pid = Number(readText(join(cluster, 'postmaster.pid')).split('\n')[0])
  return pid > 0 && readText(`/proc/${pid}/cmdline`).split('\0').includes(cluster) ? pid : undefined
}

const waitForPredecessor = async (cluster: string): Promise<void> => {
  const deadline = Date.now() + predecessorDeadlineMs
  for (let pid = predecessor(cluster); pid; pid = predecessor(cluster)) {
    if (Date.now() > deadline) throw new Error(`${cluster} is in use by process ${pid}`)
    await delay(pollMs)
  }
  rmSync(join(cluster, 'postmaster.pid'), { force: true })
}

const answers = (socketFolder: string): Promise<boolean> =>
  runStatements(socketFolder, ['SELECT 1']).then(
    () => true,
    () => false,
  )

const hasExited = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null

const stop = async (child: ChildProcess, exited: Promise<void>): Promise<void> => {
  for (const [signal, patienceMs] of stopSteps) {
    if (hasExited(child)) return
    child.kill(signal)
    const patience = new AbortController()
    await Promise.race([exited, delay(patienceMs, undefined, { signal: patience.signal }).catch(() => {})])
    patience.abort()
  }
}

const launch = ({ root, cluster, socketFolder }: PostmasterOptions) => {
  const program = join(root, programsFolder, 'postgres')
  const command = ['--', program, '-D', cluster, ...socketArguments(socketFolder)]
  const stdio = ['ignore', 'inherit', 'inherit'] as const
  const child = spawn('setpriv', [...accountArguments(postgresUserId, root, cluster), ...command], {
    cwd: '/',
    env: postgresEnvironment,
    stdio: [...stdio],
  })
  const exited = new Promise<void>((resolve) => {
    child.once('error', () => resolve())
    child.once('exit', () => resolve())
  })
  return { child, exited }
}

/**
 * Starts Postgres and waits until it answers. What a killed predecessor left behind is cleared or waited for.
 * @throws Error if the data directory is in use, or if it does not answer in 90 s
 */
export const startPostmaster = async (options: PostmasterOptions): Promise<Postmaster> => {
  const deadline = Date.now() + startDeadlineMs
  const predecessorDeadline = Date.now() + predecessorDeadlineMs
  await waitForPredecessor(options.cluster)
  for (;;) {
    const { child, exited } = launch(options)
    while (!hasExited(child) && child.pid !== undefined && Date.now() < deadline) {
      if (await answers(options.socketFolder)) return { pid: child.pid, exited, stop: () => stop(child, exited) }
      await Promise.race([exited, delay(pollMs)])
    }
    await stop(child, exited)
    // The children of a killed postmaster hold its shared memory until they notice; until then a new one ends at once.
    if (Date.now() > predecessorDeadline) throw new Error('Postgres did not start; its log tells why')
    await delay(pollMs * 10)
  }
}
