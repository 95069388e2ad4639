import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import '../../conformance/support/provided-context.js'
import { startDocumentDb } from '../../documentdb.js'

/** Before all tests of this package alone: the server that MONGO_URI names, taken for a mongod, else an engine of their own. */
export const setup = async (project: TestProject): Promise<() => Promise<void>> => {
  const given = process.env.MONGO_URI
  project.provide('mongoEngine', given ? 'mongod' : 'documentdb')
  if (given) {
    project.provide('mongoUrl', given)
    return async () => {}
  }
  const dataFolder = mkdtempSync(join(tmpdir(), 'documentdb-tests-'))
  const engine = await startDocumentDb({ dataFolder, durable: false, progress: console.log })
  project.provide('mongoUrl', engine.url)
  return async () => {
    await engine.stop()
    rmSync(dataFolder, { recursive: true, force: true })
  }
}
