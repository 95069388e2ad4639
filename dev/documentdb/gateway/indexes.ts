import { setTimeout as delay } from 'node:timers/promises'
import { type Document, deserialize, serialize } from 'bson'
import { type Call, queryOptions } from './call.js'
import { bsonCell, isTrue } from './database.js'
import type { Engine } from './engine.js'
import { CommandError } from './errors.js'
import { ReportedError, unpackState } from './sqlstate.js'

const buildDeadlineMs = 600_000
const longestPauseMs = 500

// Replies about indexes have one entry a shard, of which there is one.
const firstShard = (reply: Document): Document => {
  const [shard] = Object.values<Document>(reply.raw ?? {})
  return shard ?? reply
}

const failure = (reply: Document): ReportedError => {
  const { code, errmsg } = firstShard(reply)
  return new ReportedError(unpackState(Number(code ?? 0)), String(errmsg))
}

/** Builds what the extension has queued, at once instead of by its job, and waits for the indexes of this request. */
const buildQueued = async ({ database }: Engine, request: Buffer): Promise<void> => {
  const deadline = Date.now() + buildDeadlineMs
  const text = 'SELECT retval, ok, complete FROM documentdb_api_internal.check_build_index_status($1)'
  for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs + 10, longestPauseMs)) {
    await database.query({ text: 'CALL documentdb_api_internal.build_index_concurrently(1)', values: [] })
    const [reply, fine, complete] = await database.query({ name: 'indexStatus', text, values: [request] })
    if (!isTrue(fine)) throw failure(deserialize(bsonCell(reply)))
    if (isTrue(complete)) return
    if (Date.now() > deadline) throw new CommandError(262, 'the index was not built in ten minutes')
    await delay(pauseMs)
  }
}

export const createIndexes = async (engine: Engine, call: Call): Promise<Uint8Array> => {
  const text = 'SELECT retval, ok, requests FROM documentdb_api.create_indexes_background($1, $2)'
  const [result, fine, request] = await engine.database.query(
    { name: 'createIndexes', text, values: [call.database, call.body] },
    queryOptions(call),
  )
  const reply = deserialize(bsonCell(result))
  if (!isTrue(fine)) throw failure(reply)
  if (Buffer.isBuffer(request) && deserialize(request).indexRequest) await buildQueued(engine, request)
  const { ok: _ok, ...fields } = firstShard(reply)
  return serialize({ ...fields, ok: 1 })
}

export const dropIndexes = async (engine: Engine, call: Call): Promise<Uint8Array> => {
  const text = 'SELECT documentdb_api_internal.drop_indexes_non_concurrently($1, $2)'
  const [result] = await engine.database.query({ name: 'dropIndexes', text, values: [call.database, call.body] }, queryOptions(call))
  const reply = deserialize(bsonCell(result))
  if (!reply.ok) throw failure(reply)
  return serialize({ nIndexesWas: reply.nIndexesWas, ok: 1 })
}
