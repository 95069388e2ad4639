import type { OutboxSource } from './outbox.js'

const mostPending = 10_000
const countDeadlineMs = 5000

/** Documents with something to tell, or told less than 45 s ago; of each kind at most 10,000 are counted. */
export const countPending = async (sources: readonly OutboxSource[]): Promise<number> => {
  const filter = { 'outbox.worker': { $exists: true } }
  const counts = await Promise.all(
    sources.map((source) => source.collection().countDocuments(filter, { limit: mostPending, maxTimeMS: countDeadlineMs })),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}
