import type { Redis } from 'ioredis'
import { mongo } from 'mongoose'
import type { Violation } from '../findings.js'
import type { World } from '../world.js'

interface Row extends mongo.Document {
  seq: number
  outbox?: { eventId: string; worker: string; at: Date; type: string }[]
}

const mostConversations = 3
const mostRows = 20

/** What the database and Redis hold of the conversations in which something is wrong: what is not told yet, and where the log stands. */
export const evidenceOf = async ({ database, redis }: World, violations: readonly Violation[]): Promise<string[]> => {
  const ids = [...new Set(violations.flatMap(({ conversationId }) => conversationId ?? []))].slice(0, mostConversations)
  const lines: string[] = []
  for (const id of ids) {
    const conversationId = new mongo.ObjectId(id)
    const rows = await database
      .collection<Row>('messages')
      .find({ conversationId, outbox: { $exists: true } })
      .sort({ seq: 1 })
      .toArray()
    lines.push(`${id}: ${rows.length} messages are not told and forgotten`)
    for (const { seq, outbox = [] } of rows.slice(0, mostRows))
      lines.push(
        `    seq ${seq}: ${outbox.map(({ type, worker, at }) => `${type} of ${worker} at ${at.toISOString().slice(11, 23)}`).join(', ')}`,
      )
    const master = await redis.master()
    lines.push(...(await master.ask((admin) => keysOf(admin, id))))
  }
  return lines
}

const keysOf = async (admin: Redis, conversationId: string): Promise<string[]> => {
  const lines: string[] = []
  for (const key of await admin.keys(`*conversation:${conversationId}`)) {
    const type = await admin.type(key)
    if (type === 'stream') lines.push(`    ${key}: ${await admin.xlen(key)} entries`)
    if (type === 'hash') {
      const hash = await admin.hgetall(key)
      lines.push(`    ${key}: ${key.includes(':held:') ? `seqs ${Object.keys(hash).join(' ')}` : JSON.stringify(hash)}`)
    }
  }
  return lines
}
