import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { claim, untilUnclaimed } from './claim.js'
import { within } from './deadline.js'
import { projectFolder } from './project.js'

const keeperScript = fileURLToPath(new URL('keeper.ts', import.meta.url))

/** A server as its keeper runs it. */
export interface KeptServer {
  readonly command: string
  readonly arguments: readonly string[]
  /** From SIGTERM to SIGKILL. */
  readonly stopDeadlineSeconds: number
  /** Removed once the server is gone. */
  readonly removeFolder?: string
  /** Names the keeper while the server uses a folder that outlives it. */
  readonly claimFile?: string
}

interface SupervisedOptions extends KeptServer {
  readonly environment?: NodeJS.ProcessEnv
  /** A file for what the server prints (emptied first), or this process's own output. */
  readonly output: 'inherit' | { readonly file: string }
}

export interface Supervised {
  /** The exit code, 1 for a signal. */
  readonly exited: Promise<number>
  hasExited(): boolean
  /** Resolves when the server and all that it started are gone. */
  stop(): Promise<void>
}

/**
 * Starts a server that ends with this process, even when this process is killed. Its being started says nothing of its being ready.
 * @throws where another living process uses the same folder
 */
export const supervise = async (options: SupervisedOptions): Promise<Supervised> => {
  const { environment = process.env, output, ...server } = options
  if (server.claimFile !== undefined) await untilUnclaimed(server.claimFile, server.stopDeadlineSeconds + 5)

  const log = output === 'inherit' ? undefined : openSync(output.file, 'w')
  const keeper = spawn(process.execPath, ['--import', 'tsx', keeperScript, JSON.stringify(server)], {
    cwd: projectFolder, // where `tsx` resolves
    env: environment,
    detached: true,
    stdio: ['pipe', log ?? 'inherit', log ?? 'inherit'],
  })
  if (log !== undefined) closeSync(log)
  keeper.stdin?.on('error', () => {}) // the keeper may be gone before we close its stdin
  if (server.claimFile !== undefined && keeper.pid !== undefined) claim(server.claimFile, { pid: keeper.pid, script: 'keeper.ts' })

  let gone = false
  const exited = new Promise<number>((resolve) => {
    const end = (code: number) => {
      gone = true
      resolve(code)
    }
    keeper.once('exit', (code) => end(code ?? 1))
    keeper.once('error', () => end(127))
  })
  return {
    exited,
    hasExited: () => gone,
    async stop() {
      keeper.stdin?.end()
      try {
        await within(server.stopDeadlineSeconds + 5, 'stopping', exited)
      } catch {
        if (keeper.pid !== undefined) process.kill(-keeper.pid, 'SIGKILL')
        await exited
      }
    },
  }
}
