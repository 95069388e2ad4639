import { parseArgs } from 'node:util'
import { loadConfig } from './config.js'
import { end } from './end.js'
import { messageOf } from './platform/message-of.js'

const usage = `npm run migrate -- [--dry-run] [--wait <seconds>]

  Makes the indexes and does the migrations that are missing. Safe to run again.
  --dry-run   says what would be done, and changes nothing
  --wait      how long it waits for the database, and for another one that migrates it (600)`
const mostSeconds = 86_400
/** After that it stops in the middle of a batch, or while an index is being built. */
const stopWithinMs = 8000

const asked = (words: string[]): { dryRun: boolean; help: boolean; waitMs: number } => {
  const { values } = parseArgs({
    args: words,
    options: {
      'dry-run': { type: 'boolean', default: false },
      wait: { type: 'string', default: '600' },
      help: { type: 'boolean', default: false },
    },
  })
  const seconds = Number(values.wait)
  if (!/^\d+$/.test(values.wait) || seconds > mostSeconds) throw new Error(`--wait is a whole number of seconds, ${mostSeconds} at most`)
  return { dryRun: values['dry-run'], help: values.help, waitMs: seconds * 1000 }
}

const understood = (words: string[]): ReturnType<typeof asked> => {
  try {
    return asked(words)
  } catch (error) {
    return end(2, `${messageOf(error)}\n\n${usage}`)
  }
}

/** `npm run migrate`: ends with 0 where it is done, 1 where it failed or was stopped, 2 where something else has to be typed. */
const main = async (words: string[]): Promise<void> => {
  const { dryRun, help, waitMs } = understood(words)
  if (help) end(0, usage)
  const stopping = new AbortController()
  const stop = (): void => {
    stopping.abort()
    setTimeout(() => end(1, 'stopped: run it again, and it goes on'), stopWithinMs).unref()
  }
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, stop)
  const tell = (line: string): void => void process.stdout.write(`${line}\n`)
  try {
    const config = await loadConfig()
    const { migrate, rehearse } = await import('./migrations/command.js') // after the configuration: a fault in it is told at once
    await (dryRun ? rehearse : migrate)(config, { waitMs, tell, signal: stopping.signal })
    end(0)
  } catch (error) {
    end(1, messageOf(error))
  }
}

await main(process.argv.slice(2))
