import cluster from 'node:cluster'
import { ConfigError, loadConfig } from './config.js'

const refuse = (message: string): never => {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

const main = async (): Promise<void> => {
  const config = await loadConfig({ clustered: cluster.isWorker })
  const { run } = await import('./run.js') // after the configuration: a fault in it is told at once
  await run(config)
}

main().catch((error: unknown) => {
  if (error instanceof ConfigError) refuse(error.message)
  const listening = error instanceof Error && 'syscall' in error && (error.syscall === 'listen' || error.syscall === 'bind') // bind: in a cluster
  const code = listening && 'code' in error ? error.code : undefined
  if (error instanceof Error && code === 'EADDRINUSE') refuse(`${error.message}: stop what listens there, or set another port`)
  if (error instanceof Error && code === 'EACCES') refuse(`${error.message}: ports below 1024 need the right CAP_NET_BIND_SERVICE`)
  throw error
})
