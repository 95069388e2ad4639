import { UUID } from 'bson'
import { type Call, queryOptions, sessionKey, target } from './call.js'
import type { FirstPage } from './cursors.js'
import { bsonCell, isTrue } from './database.js'
import type { Engine } from './engine.js'
import { explain } from './explain.js'
import { createIndexes, dropIndexes } from './indexes.js'
import { buildInfo, hello, ok, serverStatus } from './server-status.js'
import { findAndModify, write } from './writes.js'

type Command = (engine: Engine, call: Call) => Uint8Array | Promise<Uint8Array>
type Argument = (call: Call) => Uint8Array | string

const database: Argument = (call) => call.database
const body: Argument = (call) => call.body
const scale: Argument = (call) => String(Number(call.command.scale ?? 1))

/** A command that a function of the extension answers as a whole. */
const answeredBy =
  (expression: string, ...args: Argument[]): Command =>
  async (engine, call) => {
    const statement = { text: `SELECT ${expression}`, values: args.map((argument) => argument(call)) }
    const [reply] = await engine.database.query(statement, queryOptions(call))
    return bsonCell(reply)
  }

const firstPage =
  (procedure: FirstPage): Command =>
  (engine, call) =>
    engine.cursors.firstPage(call, procedure)

const nothing: Command = () => ok()

const ping: Command = async (engine) => {
  await engine.database.query({ name: 'ping', text: 'SELECT 1', values: [] })
  return ok()
}

const drop: Command = async (engine, call) => {
  const text = 'SELECT documentdb_api.drop_collection($1, $2)'
  const [existed] = await engine.database.query({ text, values: [call.database, target(call)] }, queryOptions(call))
  return isTrue(existed) ? ok({ ns: `${call.database}.${target(call)}` }) : ok()
}

const dropDatabase: Command = async (engine, call) => {
  await engine.database.query({ text: 'SELECT documentdb_api.drop_database($1)', values: [call.database] }, queryOptions(call))
  return ok({ dropped: call.database })
}

const endSessions: Command = async (engine, call) => {
  const sessions: unknown[] = Array.isArray(call.command.endSessions) ? call.command.endSessions : []
  for (const key of sessions.map(sessionKey)) {
    if (!key) continue
    await engine.transactions.endSession(key)
    engine.retryableWrites.endSession(key)
  }
  return ok()
}

const finish =
  (state: 'committed' | 'aborted'): Command =>
  async (engine, call) => {
    await engine.transactions.finish(call, state)
    return ok()
  }

const aggregate = firstPage('aggregate_cursor_first_page')

const table: Readonly<Record<string, Command>> = {
  hello: (engine) => hello(engine, 'isWritablePrimary'),
  isMaster: (engine) => hello(engine, 'ismaster'),
  ismaster: (engine) => hello(engine, 'ismaster'),
  ping,
  buildInfo,
  buildinfo: buildInfo,
  serverStatus,
  hostInfo: () => ok({ system: {}, os: {} }),
  whatsmyuri: () => ok({ you: '127.0.0.1' }),
  connectionStatus: () => ok({ authInfo: { authenticatedUsers: [], authenticatedUserRoles: [] } }),
  getCmdLineOpts: () => ok({ argv: [], parsed: {} }),
  getLog: () => ok({ totalLinesWritten: 0, log: [] }),
  getParameter: nothing,

  find: firstPage('find_cursor_first_page'),
  aggregate: (engine, call) => (call.command.explain ? explain(engine, call) : aggregate(engine, call)),
  getMore: (engine, call) => engine.cursors.nextPage(call),
  killCursors: (engine, call) => engine.cursors.kill(call),
  count: answeredBy('documentdb_api.count_query($1, $2)', database, body),
  distinct: answeredBy('documentdb_api.distinct_query($1, $2)', database, body),
  explain,

  insert: (engine, call) => write(engine, call, 'insert'),
  update: (engine, call) => write(engine, call, 'update'),
  delete: (engine, call) => write(engine, call, 'delete'),
  findAndModify,
  findandmodify: findAndModify,

  create: answeredBy('documentdb_api.create_collection_view($1, $2)', database, body),
  drop,
  dropDatabase,
  renameCollection: answeredBy('documentdb_api.rename_collection($1)', body),
  collMod: answeredBy('documentdb_api.coll_mod($1, $2, $3)', database, target, body),
  createIndexes,
  dropIndexes,
  deleteIndexes: dropIndexes,
  listCollections: firstPage('list_collections_cursor_first_page'),
  listIndexes: firstPage('list_indexes_cursor_first_page'),
  listDatabases: answeredBy('documentdb_api.list_databases($1)', body),
  collStats: answeredBy('documentdb_api.coll_stats($1, $2, $3)', database, target, scale),
  dbStats: answeredBy('documentdb_api.db_stats($1, $2)', database, scale),
  validate: answeredBy('documentdb_api.validate($1, $2)', database, body),
  compact: answeredBy('documentdb_api.compact($1)', body),
  currentOp: answeredBy('documentdb_api.current_op_command($1)', body),

  startSession: () => ok({ id: { id: new UUID() }, timeoutMinutes: 30 }),
  refreshSessions: nothing,
  killSessions: nothing,
  endSessions,
  commitTransaction: finish('committed'),
  abortTransaction: finish('aborted'),
}

/** The command of this name, or `undefined`. */
export const commandNamed = (name: string): Command | undefined => (Object.hasOwn(table, name) ? table[name] : undefined)

/** Those that do not run inside the transaction that they name. */
export const outsideTransactions = new Set(['commitTransaction', 'abortTransaction', 'endSessions', 'killCursors', 'hello', 'ping'])
