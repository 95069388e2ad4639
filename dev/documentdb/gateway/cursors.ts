import { serialize } from 'bson'
import { type Call, queryOptions } from './call.js'
import { bsonCell, type Database, isTrue } from './database.js'
import { CommandError } from './errors.js'
import type { Transaction } from './transactions.js'

const lifetimeMs = 600_000
// The extension keeps a file for each and allows for 5,000.
const openAtMost = 4_000

interface Cursor {
  readonly database: string
  readonly transaction: Transaction | undefined
  continuation: Buffer
  usedAtMs: number
}

/** The functions of the extension that answer with a first page. */
export type FirstPage =
  | 'find_cursor_first_page'
  | 'aggregate_cursor_first_page'
  | 'list_collections_cursor_first_page'
  | 'list_indexes_cursor_first_page'

/** Open cursors: what the extension needs to go on with each. */
export class Cursors {
  readonly #database: Database
  readonly #open = new Map<bigint, Cursor>()

  constructor(database: Database) {
    this.#database = database
  }

  async firstPage(call: Call, procedure: FirstPage): Promise<Buffer> {
    const text = `SELECT cursorpage, continuation, persistconnection, cursorid FROM documentdb_api.${procedure}($1, $2)`
    const statement = { name: procedure, text, values: [call.database, call.body] }
    const [page, continuation, pinned, id] = await this.#database.query(statement, queryOptions(call))
    if (continuation && id) {
      if (isTrue(pinned) && !call.transaction) throw new CommandError(1, 'a cursor would need a connection of its own')
      const cursor = { database: call.database, transaction: call.transaction, continuation: bsonCell(continuation), usedAtMs: Date.now() }
      this.#open.set(BigInt(String(id)), cursor)
      this.#limit()
    }
    return bsonCell(page)
  }

  async nextPage(call: Call): Promise<Buffer> {
    const id = BigInt(String(call.command.getMore))
    const cursor = this.#open.get(id)
    if (!cursor) throw new CommandError(43, `cursor id ${id} not found`)
    const text = 'SELECT cursorpage, continuation FROM documentdb_api.cursor_get_more($1, $2, $3)'
    const statement = { name: 'getMore', text, values: [cursor.database, call.body, cursor.continuation] }
    const [page, continuation] = await this.#database.query(statement, queryOptions(call))
    this.#open.delete(id)
    if (continuation) this.#open.set(id, { ...cursor, continuation: bsonCell(continuation), usedAtMs: Date.now() })
    return bsonCell(page)
  }

  async kill(call: Call): Promise<Uint8Array> {
    const asked: unknown[] = Array.isArray(call.command.cursors) ? call.command.cursors : []
    const ids = asked.map((id) => BigInt(String(id)))
    const known = ids.filter((id) => this.#open.delete(id))
    await this.#forgetFiles(known)
    const unknown = ids.filter((id) => !known.includes(id))
    return serialize({ cursorsKilled: known, cursorsNotFound: unknown, cursorsAlive: [], cursorsUnknown: [], ok: 1 })
  }

  dropOf(transaction: Transaction): void {
    this.#drop([...this.#open].filter(([, cursor]) => cursor.transaction === transaction).map(([id]) => id))
  }

  dropOverdue(): void {
    const usedBefore = Date.now() - lifetimeMs
    this.#drop([...this.#open].filter(([, cursor]) => cursor.usedAtMs < usedBefore).map(([id]) => id))
  }

  /** The least recently used goes first. */
  #limit(): void {
    this.#drop([...this.#open.keys()].slice(0, Math.max(0, this.#open.size - openAtMost)))
  }

  #drop(ids: readonly bigint[]): void {
    if (ids.length === 0) return
    for (const id of ids) this.#open.delete(id)
    this.#forgetFiles(ids).catch(() => {}) // the extension's own clean-up finds what is left
  }

  async #forgetFiles(ids: readonly bigint[]): Promise<void> {
    if (ids.length === 0) return
    const text = 'SELECT documentdb_api_internal.delete_cursors($1::bigint[])'
    await this.#database.query({ name: 'delete_cursors', text, values: [`{${ids.join(',')}}`] })
  }
}
