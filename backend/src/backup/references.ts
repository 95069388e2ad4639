import type { mongo } from 'mongoose'

interface Reference {
  readonly from: string
  readonly path: string
  readonly to: string
}

/** What has to be there for what names it. */
const references: readonly Reference[] = [
  { from: 'sessions', path: 'userId', to: 'users' },
  { from: 'conversations', path: 'members.userId', to: 'users' },
  { from: 'messages', path: 'senderId', to: 'users' },
  { from: 'messages', path: 'conversationId', to: 'conversations' },
  { from: 'receipts', path: 'userId', to: 'users' },
  { from: 'receipts', path: 'conversationId', to: 'conversations' },
  { from: 'blocks', path: 'blockerId', to: 'users' },
  { from: 'blocks', path: 'blockedId', to: 'users' },
]

const mostAtOnce = 1000
const mostKnown = 200_000

const valuesAt = (value: unknown, [field, ...rest]: readonly string[]): unknown[] => {
  if (Array.isArray(value)) return value.flatMap((each: unknown) => valuesAt(each, field === undefined ? [] : [field, ...rest]))
  if (field === undefined) return value === undefined || value === null ? [] : [value]
  return typeof value === 'object' && value !== null ? valuesAt((value as Record<string, unknown>)[field], rest) : []
}

/** How many of some ids are not there. */
const missingOf = async (target: mongo.Collection, ids: ReadonlyMap<string, unknown>): Promise<number> =>
  ids.size - (await target.countDocuments({ _id: { $in: [...ids.values()] as mongo.ObjectId[] } }))

const brokenOf = async (db: mongo.Db, { from, path, to }: Reference): Promise<number> => {
  const known = new Set<string>()
  let asked = new Map<string, unknown>()
  let broken = 0
  const ask = async (): Promise<void> => {
    if (asked.size > 0) broken += await missingOf(db.collection(to), asked)
    if (known.size > mostKnown) known.clear()
    for (const id of asked.keys()) known.add(id)
    asked = new Map()
  }
  for await (const document of db.collection(from).find({}, { projection: { [path]: 1 } })) {
    for (const id of valuesAt(document, path.split('.'))) if (!known.has(String(id))) asked.set(String(id), id)
    if (asked.size >= mostAtOnce) await ask()
  }
  await ask()
  return broken
}

/** What is named and not there, a sentence each. */
export const brokenReferences = async (db: mongo.Db): Promise<string[]> => {
  const faults: string[] = []
  for (const reference of references) {
    const broken = await brokenOf(db, reference)
    if (broken > 0) faults.push(`${broken} of ${reference.to} are not there, and ${reference.path} of ${reference.from} names them`)
  }
  return faults
}
