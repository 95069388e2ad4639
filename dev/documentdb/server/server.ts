import { rmSync } from 'node:fs'
import { Gateway } from '../gateway/gateway.js'
import { ensureCluster } from '../postgres/cluster.js'
import { makeSocketFolder } from '../postgres/socket-folder.js'
import { SupervisedPostgres } from '../postgres/supervised.js'
import type { ServerMessage, ServerOptions } from './messages.js'

// The engine's own process: the gateway, and Postgres as its child. It runs until the channel to its parent closes.

const tell = (message: ServerMessage): void => {
  if (process.connected) process.send?.(message)
}

const parseOptions = (json: string | undefined): ServerOptions => JSON.parse(json ?? '{}')

const run = async (options: ServerOptions): Promise<void> => {
  const gaveUp = new AbortController()
  const ended = new Promise<void>((resolve) => {
    process.once('disconnect', resolve)
    process.once('SIGTERM', resolve)
    gaveUp.signal.addEventListener('abort', () => resolve())
  })
  const socketFolder = makeSocketFolder()
  try {
    const cluster = await ensureCluster(options.root, options.dataFolder, options.durable)
    const postgres = await SupervisedPostgres.start({ root: options.root, cluster, socketFolder }, (error) => gaveUp.abort(error))
    const gateway = new Gateway(socketFolder)
    try {
      tell({ kind: 'ready', url: await gateway.listen() })
      await ended
      gaveUp.signal.throwIfAborted()
    } finally {
      await Promise.all([gateway.close(), postgres.stop()])
    }
  } finally {
    rmSync(socketFolder, { recursive: true, force: true })
  }
}

run(parseOptions(process.argv[2])).then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error)
    tell({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) })
    process.exit(1)
  },
)
