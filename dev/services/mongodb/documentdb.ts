import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { RunningMongoDb } from '../mongodb.js'
import type { Way } from '../service.js'

interface EngineOptions {
  readonly dataFolder: string
  readonly durable: boolean
  readonly progress: (line: string) => void
}

/** What is asked of the stand-in engine. */
export interface Engine {
  supportsThisMachine(): Promise<{ supported: true } | { supported: false; reason: string }>
  /** Whether it can start without the network. */
  isCached(): Promise<boolean>
  start(options: EngineOptions): Promise<{ url: string; stop(): Promise<void> }>
}

const load = () => import('../../documentdb/documentdb.js') // at need: most machines have a mongod

/** The engine in dev/documentdb. */
export const ownEngine: Engine = {
  supportsThisMachine: async () => (await load()).supportsThisMachine(),
  isCached: async () => (await load()).isCached(),
  start: async (options) => (await load()).startDocumentDb(options),
}

/** The DocumentDB engine of Debian, for machines where no mongod can be had. */
export const documentDbEngine = (engine: Engine): Way<RunningMongoDb> => ({
  name: "Debian's DocumentDB engine",
  remedy: 'on Debian 12 or later, or a child of it, with access to a Debian mirror, it is fetched by itself',
  async find({ dataFolder, durable, progress }) {
    const support = await engine.supportsThisMachine()
    if (!support.supported) return { usable: false, reason: support.reason }
    const folder = join(dataFolder, 'documentdb')
    return {
      usable: true,
      async start() {
        mkdirSync(folder, { recursive: true, mode: 0o711 })
        const server = await engine.start({ dataFolder: folder, durable, progress })
        return {
          url: server.url,
          engine: 'documentdb',
          description: 'started the DocumentDB engine (for development only)',
          stop: () => server.stop(),
        }
      },
    }
  },
})
