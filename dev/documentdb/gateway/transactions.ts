import { type Call, inTransaction } from './call.js'
import type { Connection, Database } from './database.js'
import { CommandError, noSuchTransaction } from './errors.js'

const lifetimeMs = 60_000
const rememberedMs = 30 * 60_000
const rememberedAtMost = 10_000

/** The latest transaction of a session. It has a connection as long as it is open. */
export interface Transaction {
  readonly number: string
  readonly startedAtMs: number
  state: 'open' | 'committed' | 'aborted'
  connection: Connection | undefined
}

/** Transactions by session, each a transaction of Postgres on a connection of its own. One left open ends after 60 s. */
export class Transactions {
  readonly #database: Database
  readonly #ended: (transaction: Transaction) => void
  readonly #bySession = new Map<string, Transaction>()

  /** @param ended told of each that ended, so that its cursors can go */
  constructor(database: Database, ended: (transaction: Transaction) => void) {
    this.#database = database
    this.#ended = ended
  }

  /** The open transaction that a command belongs to, begun if the command says so; `undefined` for a command outside of one. */
  async of(call: Call): Promise<Transaction | undefined> {
    const { session, command } = call
    if (!inTransaction(call) || !session) return undefined
    const number = String(command.txnNumber)
    const current = this.#bySession.get(session)
    if (command.startTransaction) {
      if (current) await this.abort(current)
      return this.#begin(session, number)
    }
    if (current?.number !== number || current.state !== 'open') throw noSuchTransaction(number)
    return current
  }

  async #begin(session: string, number: string): Promise<Transaction> {
    if (this.#bySession.size >= rememberedAtMost) this.#forgetOldest()
    const connection = await this.#database.begin()
    const transaction: Transaction = { number, startedAtMs: Date.now(), state: 'open', connection }
    this.#bySession.delete(session)
    this.#bySession.set(session, transaction)
    return transaction
  }

  #forgetOldest(): void {
    for (const [session, transaction] of this.#bySession) {
      if (transaction.state === 'open') continue
      this.#bySession.delete(session)
      return
    }
    throw new CommandError(262, 'too many open transactions')
  }

  /** Commits or aborts; asked again, the answer is the same. @throws CommandError 251 if it ended otherwise or is not known */
  async finish(call: Call, state: 'committed' | 'aborted'): Promise<void> {
    const transaction = this.#bySession.get(call.session ?? '')
    if (!transaction || transaction.number !== String(call.command.txnNumber)) throw noSuchTransaction(call.command.txnNumber)
    if (transaction.state === 'open') {
      await this.#end(transaction, state)
    } else if (transaction.state !== state) {
      throw noSuchTransaction(call.command.txnNumber)
    }
  }

  /** Undoes it, if it is open; a connection that breaks meanwhile has undone it, too. */
  async abort(transaction: Transaction): Promise<void> {
    await this.#end(transaction, 'aborted').catch(() => {})
  }

  async #end(transaction: Transaction, state: 'committed' | 'aborted'): Promise<void> {
    const { connection } = transaction
    if (!connection) return
    transaction.connection = undefined
    transaction.state = 'aborted'
    this.#ended(transaction)
    try {
      await connection.query(state === 'committed' ? 'COMMIT' : 'ROLLBACK')
      connection.release()
      transaction.state = state
    } catch (error) {
      connection.release(true)
      throw error
    }
  }

  async endSession(session: string): Promise<void> {
    const transaction = this.#bySession.get(session)
    if (transaction) await this.abort(transaction)
    this.#bySession.delete(session)
  }

  async endOverdue(): Promise<void> {
    const now = Date.now()
    for (const [session, transaction] of this.#bySession) {
      const age = now - transaction.startedAtMs
      if (transaction.state === 'open' && age > lifetimeMs) await this.abort(transaction)
      if (transaction.state !== 'open' && age > rememberedMs) this.#bySession.delete(session)
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#bySession.values()].map((transaction) => this.abort(transaction)))
  }
}
