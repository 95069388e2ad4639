import type { OutboxSource } from './outbox.js'

/** When the oldest event that is not forgotten yet happened, of those from before `before`; undefined where there is none. */
export const oldestUntold = async (
  sources: readonly OutboxSource[],
  workers: readonly string[],
  before: Date,
): Promise<Date | undefined> => {
  const oldest = await Promise.all(sources.map((source) => oldestOf(source, workers, before)))
  return oldest.filter((at) => at !== undefined).toSorted((a, b) => a.getTime() - b.getTime())[0]
}

const oldestOf = async (source: OutboxSource, workers: readonly string[], before: Date): Promise<Date | undefined> => {
  const document = await source
    .collection()
    .findOne(
      { outbox: { $elemMatch: { worker: { $in: workers }, at: { $lt: before } } } },
      { sort: { 'outbox.at': 1 }, projection: { 'outbox.at': 1 }, readPreference: 'primary' },
    )
  return document?.outbox?.map(({ at }) => at).toSorted((a, b) => a.getTime() - b.getTime())[0]
}
