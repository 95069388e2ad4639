/**
 * What is not copied: leases are of workers that live now, the rest is used once and within minutes, and would be good a second time.
 * People ask for another code, link or picture.
 */
const leftOut = new Set(['leases', 'codes', 'one_time_tokens', 'qr_challenges'])

/** Before all else: what a migration or a job has done is done to what is read after it. */
const first = ['migrations', 'jobs']
/**
 * What is told of is read after what tells of it, so that it is there: watermarks before the messages that they count, messages before the people
 * who sent them, these before their pictures. Messages are read with their conversations, each behind its own.
 */
const last = ['receipts', 'conversations', 'users', 'uploads', 'upload_usage']
/** Copied with others. */
const withOthers = new Set(['messages'])

/** The collections of a database in the order in which they are copied (docs/adr/0016-backups.md). A collection that is not known is copied, too. */
export const copyOrder = (names: readonly string[]): string[] => {
  const copied = names.filter((name) => !leftOut.has(name) && !withOthers.has(name) && !name.startsWith('system.'))
  const placed = new Set([...first, ...last])
  const present = (name: string): boolean => copied.includes(name)
  return [...first.filter(present), ...copied.filter((name) => !placed.has(name)).toSorted(), ...last.filter(present)]
}

/** The database's generation is its own: what is restored is another one. */
export const filterOf = (name: string): Record<string, unknown> => (name === 'meta' ? { _id: { $nin: ['generation', 'restore'] } } : {})
