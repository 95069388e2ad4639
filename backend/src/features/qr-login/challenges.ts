import { mongo } from 'mongoose'
import type { ChallengeDocument } from './model.js'
import type { QrStatus } from './schema.js'

/** A challenge as it is now, by the database's clock, which all workers share. */
export interface Challenge extends ChallengeDocument {
  readonly now: QrStatus
}

/** In milliseconds. */
export interface QrTimes {
  /** How long a challenge can be scanned and approved. */
  readonly lifetime: number
  /** How long after its approval the browser can come for its session. */
  readonly exchange: number
}

const defaultTimes: QrTimes = { lifetime: 60_000, exchange: 30_000 }

type NewChallenge = Omit<ChallengeDocument, '_id' | 'status' | 'createdAt' | 'expiresAt'>
type Filter = mongo.Filter<ChallengeDocument>
/** A status that it did not have before. */
type Changes = Pick<ChallengeDocument, 'status' | 'scanner'>

const fromNow = (milliseconds: number) => ({ $add: ['$$NOW', milliseconds] })

/** The challenges in the database. Every time in them is its own clock's. */
export class Challenges {
  readonly #collection: () => mongo.Collection<ChallengeDocument>
  readonly #times: QrTimes
  constructor(collection: () => mongo.Collection<ChallengeDocument>, times: Partial<QrTimes> = {}) {
    this.#collection = collection
    this.#times = { ...defaultTimes, ...times }
  }

  async create(challenge: NewChallenge): Promise<ChallengeDocument> {
    const made = { status: 'pending', createdAt: '$$NOW', expiresAt: fromNow(this.#times.lifetime) }
    const created = await this.#collection().findOneAndUpdate(
      { _id: new mongo.ObjectId() },
      [{ $set: { ...literally(challenge), ...made } }],
      { upsert: true, returnDocument: 'after' },
    )
    if (!created) throw new Error('The challenge was not made')
    return created
  }

  async byId(id: mongo.ObjectId): Promise<Challenge | undefined> {
    return (await this.#find({ _id: id }))[0]
  }

  async byTokenHash(tokenHash: string): Promise<Challenge | undefined> {
    return (await this.#find({ tokenHash }))[0]
  }

  async byIds(ids: readonly mongo.ObjectId[]): Promise<Challenge[]> {
    return this.#find({ _id: { $in: [...ids] } })
  }

  /** Changes a challenge that has not expired, if it is what `filter` says. @returns it as it is then; null where it was not changed */
  move(_id: mongo.ObjectId, filter: Filter, changes: Changes): Promise<ChallengeDocument | null> {
    return this.#change({ ...filter, _id }, 'expiresAt', changes)
  }

  /** The same for an approved one that the browser can still come for. */
  moveApproved(_id: mongo.ObjectId, filter: Filter, changes: Changes): Promise<ChallengeDocument | null> {
    return this.#change({ ...filter, _id, status: 'approved' }, 'exchangeBy', changes)
  }

  /** Asks the clock in the update: DocumentDB does not in the filter of a collection that has an index. */
  async #change(filter: Filter, end: 'expiresAt' | 'exchangeBy', changes: Changes): Promise<ChallengeDocument | null> {
    const values = { ...literally(changes), ...(changes.status === 'approved' && { exchangeBy: fromNow(this.#times.exchange) }) }
    const inTime = Object.entries(values).map(([name, value]) => [name, { $cond: [{ $gt: [`$${end}`, '$$NOW'] }, value, `$${name}`] }])
    const changed = await this.#collection().findOneAndUpdate(filter, [{ $set: Object.fromEntries(inTime) }], { returnDocument: 'after' })
    return changed?.status === changes.status ? changed : null
  }

  async #find(filter: Filter): Promise<Challenge[]> {
    const found = await this.#collection()
      .aggregate<ChallengeDocument & { readAt: Date }>([{ $match: filter }, { $set: { readAt: '$$NOW' } }], { readPreference: 'primary' })
      .toArray()
    return found.map(({ readAt, ...challenge }) => Object.assign(challenge, { now: statusAt(challenge, readAt) }))
  }
}

/** As values, whatever they begin with: in a pipeline `$…` would be read as the name of a field. */
const literally = (values: object): object => Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { $literal: value }]))

const statusAt = ({ status, expiresAt, exchangeBy }: ChallengeDocument, at: Date): QrStatus => {
  if (status === 'denied' || status === 'used') return status
  const end = status === 'approved' ? (exchangeBy ?? expiresAt) : expiresAt
  return end.getTime() > at.getTime() ? status : 'expired'
}
