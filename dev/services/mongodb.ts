import { documentDbEngine, type Engine, ownEngine } from './mongodb/documentdb.js'
import { downloadedMongod } from './mongodb/downloaded.js'
import { givenMongoUrl } from './mongodb/given-url.js'
import { installedMongod } from './mongodb/installed.js'
import { obtain, type Running, type Setting, type Way } from './service.js'

export type MongoEngine = 'mongod' | 'documentdb'

export interface RunningMongoDb extends Running {
  readonly engine: MongoEngine
}

/** The ways to a MongoDB, best first: the real one before the stand-in, what is here before what must be fetched. */
export const mongoDbWays = (engine: Engine): readonly Way<RunningMongoDb>[] => [
  givenMongoUrl,
  installedMongod,
  downloadedMongod(engine),
  documentDbEngine(engine),
]

/**
 * Finds or starts a MongoDB, as a replica set of one where it is started.
 * @throws NoWayError where there is none to be had
 */
export const obtainMongoDb = (setting: Setting, engine: Engine = ownEngine): Promise<RunningMongoDb> =>
  obtain('MongoDB', mongoDbWays(engine), setting)
