import { Types } from 'mongoose'
import { onTestFinished } from 'vitest'
import { z } from 'zod'
import { idIn, origin } from '../../src/realtime/log/position.js'
import type { Person } from './people.js'
import { SseClient } from './sse-client.js'
import type { TestApp } from './test-app.js'

const deadlineMs = 30_000

const Told = z.object({
  type: z.string(),
  message: z.object({
    id: z.string(),
    seq: z.int(),
    version: z.int(),
    text: z.string().nullable(),
    editedAt: z.string().nullable(),
    deletedAt: z.string().nullable(),
  }),
})
type Told = z.infer<typeof Told>

/** A person's stream at a worker, live or from a position; closed when the test has finished. */
export const openStream = async (app: TestApp, person: Person, lastEventId?: string): Promise<SseClient> => {
  const headers = { authorization: `Bearer ${person.accessToken}`, ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) }
  const stream = await SseClient.open(`${app.url}/sse`, { headers })
  onTestFinished(() => stream.close())
  await stream.waitFor(({ event }) => event === 'resume', deadlineMs)
  return stream
}

/** What a stream told of messages, in order. */
export const messagesOf = (stream: SseClient): Told[] =>
  stream.events.filter(({ event }) => event.startsWith('message.')).map(({ data }) => Told.parse(data))

/** The same in short: `created 7 v1 hello`, the seq before the version. */
export const shortOf = (stream: SseClient): string[] =>
  messagesOf(stream).map(
    ({ type, message: { seq, version, text } }) => `${type.slice('message.'.length)} ${seq} v${version} ${text ?? '-'}`,
  )

/** A message as events tell it to all: without its reactions, of which some are one's own. */
export const asTold = ({ reactions: _, reactionsVersion: __, ...message }: Record<string, unknown>): Record<string, unknown> => message

export const positionOf = (stream: SseClient): string => stream.events.at(-1)?.id ?? ''

export const resumeOf = (stream: SseClient): unknown => stream.events[0]?.data

/** All frames that the log of a conversation holds. */
export const logOf = async ({ context: { log } }: TestApp, conversationId: string): Promise<string> => {
  const channel = `conversation:${conversationId}` as const
  const { position } = await log.head()
  const { entries } = await log.read(channel, origin, idIn(position, log.shardOf(channel)), 1000)
  return entries.map(({ frame }) => frame.toString()).join('')
}

/** As if everyone had joined a minute ago: who has joined after a position is told to fetch instead. */
export const settled = async ({ context }: TestApp, conversationId: string): Promise<void> => {
  await context.mongo.connection
    .collection('conversations')
    .updateOne({ _id: new Types.ObjectId(conversationId) }, { $set: { 'members.$[].joinedAt': new Date(Date.now() - 60_000) } })
}
