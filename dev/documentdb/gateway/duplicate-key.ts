import { type Document, deserialize, EJSON, serialize } from 'bson'
import { type Call, target } from './call.js'
import { bsonCell, type Database } from './database.js'
import type { ErrorFields } from './errors.js'
import { mongoCode } from './sqlstate.js'

const keyOfIndex = async (database: Database, call: Call, name: string): Promise<Document | undefined> => {
  const command = serialize({ listIndexes: target(call), cursor: { batchSize: 1000 } })
  const text = 'SELECT cursorpage FROM documentdb_api.list_indexes_cursor_first_page($1, $2)'
  const [page] = await database.query({ name: 'indexesOf', text, values: [call.database, command] })
  const indexes: Document[] = deserialize(bsonCell(page)).cursor.firstBatch
  return indexes.find((index) => index.name === name)?.key
}

const valueAt = (document: Document, path: string): unknown =>
  path
    .split('.')
    .reduce<unknown>((value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined), document)

/**
 * What MongoDB would say about an error of Postgres or of the extension. A duplicate key gets the text and the fields that drivers and applications look for.
 * @param inserted the document that was refused, where it is known
 */
export const describeError = async (
  database: Database,
  call: Call,
  state: string,
  message: string,
  inserted?: Document,
): Promise<ErrorFields> => {
  const code = mongoCode(state)
  const name = code === 11000 ? /Index '(.*)'/.exec(message)?.[1] : undefined
  if (name === undefined) return { code, errmsg: message }
  const errmsg = `E11000 duplicate key error collection: ${call.database}.${target(call)} index: ${name}`
  // The collection may be gone by now.
  const keyPattern = await keyOfIndex(database, call, name).catch(() => undefined)
  if (!keyPattern) return { code, errmsg }
  if (!inserted) return { code, errmsg, keyPattern }
  const keyValue = Object.fromEntries(Object.keys(keyPattern).map((path) => [path, valueAt(inserted, path) ?? null]))
  return { code, errmsg: `${errmsg} dup key: ${EJSON.stringify(keyValue)}`, keyPattern, keyValue }
}
