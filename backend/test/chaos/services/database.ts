import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { mongo } from 'mongoose'
import { type DocumentDb, startDocumentDb } from '../../../../dev/documentdb/documentdb.js'
import { childrenOf, engineProcesses, isRunning, postmasterOf } from '../../../../dev/documentdb/test/support/processes.js'
import { becomesTrue } from '../../../../dev/services/deadline.js'
import { run } from '../../../../dev/services/run.js'
import { Link } from './link.js'

const deadlineSeconds = 30
const name = 'chaos'

const portOf = (url: string): number => Number(new URL(url).port)

const killIfThere = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** A durable database engine of the run's own, which can be killed, and put back to an older copy of its data. */
export class Database {
  readonly #folder: string
  readonly #link: Link
  #engine: DocumentDb
  #client: mongo.MongoClient

  private constructor(folder: string, engine: DocumentDb, link: Link) {
    this.#folder = folder
    this.#engine = engine
    this.#link = link
    this.#client = clientOf(engine)
  }

  static async start(parentFolder: string): Promise<Database> {
    const folder = join(parentFolder, 'database')
    mkdirSync(folder, { recursive: true, mode: 0o711 })
    const engine = await startDocumentDb({ dataFolder: folder, durable: true, progress: console.log })
    return new Database(folder, engine, await Link.open(portOf(engine.url)))
  }

  /** For the workers; stays the same whatever becomes of the engine. */
  get url(): string {
    return `mongodb://127.0.0.1:${this.#link.port}/${name}?directConnection=true`
  }

  /** For the oracle: not through the link that faults cut. */
  collection<D extends mongo.Document>(of: string): mongo.Collection<D> {
    return this.#client.db(name).collection<D>(of)
  }

  /** As a crash of the database would: Postgres and all its processes. The engine starts it again at once. */
  killPostgres(): void {
    const dataFolder = this.#folder
    const postmaster = postmasterOf(dataFolder)
    for (const pid of [postmaster, ...childrenOf(postmaster)]) killIfThere(pid)
  }

  /** As a loss of its machine would: everything at once. */
  async kill(): Promise<void> {
    const processes = engineProcesses(this.#folder)
    for (const pid of processes) killIfThere(pid)
    if (!(await becomesTrue(deadlineSeconds, () => !processes.some(isRunning)))) throw new Error('The engine did not die')
    await this.#client.close()
  }

  async startAgain(): Promise<void> {
    await this.#start()
    this.#link.leadTo(portOf(this.#engine.url))
  }

  /** Copies the data as an operator's backup does. The engine is stopped meanwhile. */
  async backUp(): Promise<void> {
    await this.#stop()
    rmSync(this.#copy, { recursive: true, force: true })
    await run('cp', ['-a', this.#data, this.#copy], { deadlineSeconds })
    await this.startAgain()
  }

  /**
   * Puts the last copy back, and makes it another generation, before any worker can reach it. What was written since is gone.
   * Nobody reaches it before `open`.
   */
  async restore(): Promise<void> {
    this.#link.cut()
    await this.#stop()
    rmSync(this.#data, { recursive: true, force: true })
    await run('cp', ['-a', this.#copy, this.#data], { deadlineSeconds })
    await this.#start()
    await this.collection<{ _id: string }>('meta').deleteOne({ _id: 'generation' })
    this.#link.leadTo(portOf(this.#engine.url))
  }

  open(): void {
    this.#link.restore()
  }

  async stop(): Promise<void> {
    await this.#stop()
    await this.#link.close()
  }

  get #data(): string {
    return join(this.#folder, 'postgres')
  }

  get #copy(): string {
    return join(this.#folder, 'copy')
  }

  async #start(): Promise<void> {
    this.#engine = await startDocumentDb({ dataFolder: this.#folder, durable: true, progress: () => undefined })
    this.#client = clientOf(this.#engine)
  }

  async #stop(): Promise<void> {
    await this.#client.close()
    await this.#engine.stop()
  }
}

const clientOf = ({ url }: DocumentDb): mongo.MongoClient =>
  new mongo.MongoClient(url, { directConnection: true, serverSelectionTimeoutMS: 5000, socketTimeoutMS: 20_000 })
