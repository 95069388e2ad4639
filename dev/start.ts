/** `npm start`: the API on this machine, with whatever it needs. */
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { claim, releaseClaim, untilUnclaimed } from './services/claim.js'
import { isPortFree } from './services/free-port.js'
import { projectFolder } from './services/project.js'
import { servicesTable } from './services-table.js'
import { startApi, untilReady } from './start/api.js'
import { parseArguments, parsePort, usage } from './start/arguments.js'
import { Closing } from './start/closing.js'
import { jwtSecret } from './start/jwt-secret.js'
import { whenParentEnds } from './start/parent.js'
import { prepare } from './start/prepare.js'

const closing = new Closing()
const inTheClear = { TLS_CERT_FILE: '', TLS_KEY_FILE: '', HTTP_REDIRECT_PORT: '', ACME_WEBROOT: '' }

const messagesOf = (error: unknown): string[] => {
  if (error instanceof AggregateError) return error.errors.flatMap(messagesOf)
  return [error instanceof Error ? error.message : String(error)]
}

const end = async (exitCode: number): Promise<never> => {
  await closing.close()
  process.exit(exitCode)
}

const fail = (error: unknown): Promise<never> => {
  for (const message of messagesOf(error)) console.error(message)
  return end(1)
}

const claimData = async (folder: string): Promise<void> => {
  const file = join(folder, 'in-use')
  await untilUnclaimed(file, 0)
  claim(file, { pid: process.pid, script: 'start.ts' })
  closing.add(() => releaseClaim(file))
}

const start = async (workers: number): Promise<void> => {
  const port = parsePort(process.env['PORT'])
  if (!(await isPortFree(port))) throw new Error(`Port ${port} is in use. Stop what listens there, or choose another: PORT=3001 npm start`)

  const folder = resolve(process.env['HELIOGRAPH_DATA'] || join(projectFolder, '.data'))
  mkdirSync(folder, { recursive: true, mode: 0o711 })
  await claimData(folder)

  const setting = { environment: process.env, dataFolder: folder, durable: true, progress: (line: string) => console.log(line) }
  const { mongoDb, redis } = await prepare(setting, workers, closing)
  console.log(`\n${servicesTable({ mongoDb, redis }, { kept: true, folder })}\n`)

  const environment = {
    NODE_ENV: 'development',
    LIMIT_REGISTER: '100/h', // whoever tries things out makes people
    JWT_SECRET: jwtSecret(folder),
    ...process.env,
    ...inTheClear,
    PORT: String(port),
    MONGO_URI: mongoDb.url,
    ...(redis === undefined ? {} : { REDIS_URL: redis.url }),
  }
  const api = await startApi({ workers, dataFolder: folder, environment })
  closing.add(() => api.stop())
  await untilReady(api, port)
  console.log(
    `\nHeliograph is ready at http://localhost:${port}\nIts documentation is at http://localhost:${port}/docs; Ctrl-C stops it.\n`,
  )

  throw new Error(`The API stopped (exit code ${await api.exited}).`)
}

let stopping = false
const stop = async () => {
  if (stopping) return
  stopping = true
  console.log('\nStopping.')
  await end(0)
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop())
if (process.env['npm_lifecycle_event'] === 'start') whenParentEnds(() => void stop()) // npm hands a SIGTERM to a shell that hands it to nobody

try {
  const parsed = parseArguments(process.argv.slice(2))
  if (parsed === 'help') console.log(usage)
  else await start(parsed.workers).catch((error) => (stopping ? undefined : fail(error)))
} catch (error) {
  console.error(`${messagesOf(error).join('\n')}\n\n${usage}`)
  process.exitCode = 2
}
