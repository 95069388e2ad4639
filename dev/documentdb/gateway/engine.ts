import { Cursors } from './cursors.js'
import { Database } from './database.js'
import { RetryableWrites } from './retryable-writes.js'
import { Transactions } from './transactions.js'

/** What the commands work with. */
export interface Engine {
  readonly database: Database
  readonly cursors: Cursors
  readonly transactions: Transactions
  readonly retryableWrites: RetryableWrites
  readonly replicaSet: string
  /** host:port, once it listens. */
  address: string
  connections: number
}

export const replicaSet = 'rs0'

export const makeEngine = (socketFolder: string): Engine => {
  const database = new Database(socketFolder)
  const cursors = new Cursors(database)
  const transactions = new Transactions(database, (transaction) => cursors.dropOf(transaction))
  return { database, cursors, transactions, retryableWrites: new RetryableWrites(), replicaSet, address: '', connections: 0 }
}
