import { parseArgs } from 'node:util'

export const usage = `Starts Heliograph with what it needs: MongoDB and Redis are found, or started.

  npm start                    one process
  npm start -- --workers 4     four processes under PM2

Environment:
  PORT              where the API listens (3000)
  MONGO_URI         a MongoDB to use instead of a started one
  REDIS_URL         a Redis to use instead of a started one
  HELIOGRAPH_DATA   where started services keep their data (.data)
Any other setting of the API is handed on to it.`

interface Arguments {
  readonly workers: number
}

const mostWorkers = 64

/**
 * Reads the command line.
 * @returns 'help' where that was asked for
 * @throws Error that says which argument is wrong
 */
export const parseArguments = (words: readonly string[]): Arguments | 'help' => {
  const { values } = parseArgs({
    args: [...words],
    options: { workers: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  })
  if (values.help) return 'help'
  if (values.workers === undefined) return { workers: 1 }
  const workers = Number(values.workers)
  if (!Number.isInteger(workers) || workers < 1 || workers > mostWorkers) {
    throw new Error(`--workers takes a whole number from 1 to ${mostWorkers}, not '${values.workers}'`)
  }
  return { workers }
}

/** @throws Error where PORT is no port */
export const parsePort = (text: string | undefined): number => {
  if (!text) return 3000
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw new Error(`PORT is '${text}', which is no port`)
  return port
}
