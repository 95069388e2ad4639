import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { type KeptServer, type Supervised, supervise } from './supervise.js'

const lastLines = (file: string, count: number) => readFileSync(file, 'utf8').trim().split('\n').slice(-count).join('\n')

const readyOrGone = async (server: Supervised, probe: () => Promise<unknown>, deadlineSeconds: number): Promise<string | undefined> => {
  const end = Date.now() + deadlineSeconds * 1000
  for (;;) {
    try {
      await probe()
      return undefined
    } catch (error) {
      if (server.hasExited()) return `it stopped at once (exit code ${await server.exited})`
      if (Date.now() > end) return `no answer in ${deadlineSeconds} s: ${error instanceof Error ? error.message : String(error)}`
      await delay(20)
    }
  }
}

/**
 * Starts a server and waits until it answers.
 * @param probe asks the server something; rejects while there is no answer, each time within a deadline of its own
 * @throws Error with the last lines that the server printed
 */
export const startServer = async (
  options: KeptServer & {
    readonly environment?: NodeJS.ProcessEnv
    readonly logFile: string
    readonly readyDeadlineSeconds: number
    readonly probe: () => Promise<unknown>
  },
): Promise<Supervised> => {
  const { logFile, readyDeadlineSeconds, probe, ...kept } = options
  const server = await supervise({ ...kept, output: { file: logFile } })
  const fault = await readyOrGone(server, probe, readyDeadlineSeconds)
  if (fault === undefined) return server
  const said = lastLines(logFile, 5)
  await server.stop()
  throw new Error(`${kept.command} did not start: ${fault}${said === '' ? '' : `\n${said}`}`)
}
