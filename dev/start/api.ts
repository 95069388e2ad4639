import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { projectFolder } from '../services/project.js'
import { type Supervised, supervise } from '../services/supervise.js'

const require = createRequire(import.meta.url)
const readyDeadlineSeconds = 60

interface ApiOptions {
  readonly workers: number
  readonly dataFolder: string
  readonly environment: NodeJS.ProcessEnv
}

/** Starts the API: one process by itself, more through PM2 in the foreground. Its logs go to this process's output. */
export const startApi = ({ workers, dataFolder, environment }: ApiOptions): Promise<Supervised> => {
  if (workers === 1) {
    return supervise({
      command: process.execPath,
      arguments: ['--enable-source-maps', join(projectFolder, 'backend/dist/index.js')],
      environment,
      stopDeadlineSeconds: 30, // longer than the API's drain
      output: 'inherit',
    })
  }
  return supervise({
    command: process.execPath,
    arguments: [require.resolve('pm2/bin/pm2-runtime'), 'start', join(projectFolder, 'ecosystem.config.js')],
    environment: {
      ...environment,
      WORKERS: String(workers),
      PM2_HOME: join(dataFolder, 'pm2'),
      LOG_DIR: join(dataFolder, 'logs'),
      LOG_FILE: environment['LOG_FILE'] ?? '', // none: to the terminal
    },
    stopDeadlineSeconds: 40, // longer than kill_timeout in ecosystem.config.js
    output: 'inherit',
  })
}

const answers = async (url: string): Promise<boolean> => {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) })
    await response.body?.cancel()
    return response.status === 200
  } catch {
    return false
  }
}

/**
 * Waits until the API says that it is ready.
 * @throws Error where it ends or takes longer than a minute
 */
export const untilReady = async (api: Supervised, port: number): Promise<void> => {
  const end = Date.now() + readyDeadlineSeconds * 1000
  while (!(await answers(`http://127.0.0.1:${port}/health/ready`))) {
    if (api.hasExited()) throw new Error(`The API stopped (exit code ${await api.exited}) before it was ready: see its log above.`)
    if (Date.now() > end) throw new Error(`The API was not ready within ${readyDeadlineSeconds} s: see its log above.`)
    await delay(150) // each try is a line in its log
  }
}
