import * as fc from 'fast-check'
import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { messagesOf, openStream, positionOf, resumeOf, settled } from './support/message-stream.js'
import { aGroup, type Person } from './support/people.js'
import type { SseClient } from './support/sse-client.js'
import { startTestApp, type TestApp } from './support/test-app.js'

type Told = ReturnType<typeof messagesOf>[number]
/** Who does what to which message, at which worker. */
interface Step {
  readonly message: number
  readonly worker: number
  readonly what: 'edit' | 'delete'
}

const messageCount = 4
let workers: readonly [TestApp, TestApp]
beforeAll(async () => {
  const app = await startTestApp()
  workers = [app, await startTestApp({ MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: app.secret })]
})
afterAll(async () => {
  await workers[1].close()
  await workers[0].close()
})

const at = (worker: number): TestApp => workers[worker % 2] ?? workers[0]

/** Each message's newest version as a client has it that was told all this; what it must never be told is expected not to be there. */
const heard = (told: readonly Told[]): Map<string, { version: number; text: string | null }> => {
  const newest = new Map<string, { version: number; text: string | null }>()
  for (const { type, message } of told) {
    const { id, version, text } = message
    const before = newest.get(id)
    expect(version, `${type} of ${message.seq}`).toBeGreaterThan(before?.version ?? 0) // no version twice, none falls
    expect(before?.text, 'after its tombstone').not.toBeNull()
    expect(text === null).toBe(type === 'message.deleted')
    newest.set(id, { version, text })
  }
  return newest
}

const storedIn = async (conversationId: string): Promise<Map<string, { version: number; text: string | null }>> => {
  const found = await workers[0].context.mongo.connection
    .collection<{ version: number; text: string | null }>('messages')
    .find({ conversationId: new Types.ObjectId(conversationId) })
    .toArray()
  return new Map(found.map(({ _id, version, text }) => [_id.toHexString(), { version, text }]))
}

/** Reads by one short connection after the other, at alternating workers, until `done`; the last one stays open. @returns what has been told */
const readInPieces = async (person: Person, first: SseClient, done: () => boolean): Promise<() => Told[]> => {
  const told: Told[] = []
  let stream = first
  for (let n = 1; !done(); n++) {
    const [current, atLeast] = [stream, n % 3]
    await expect.poll(() => messagesOf(current).length >= atLeast || done(), { interval: 5 }).toBe(true)
    await current.close()
    told.push(...messagesOf(current))
    stream = await openStream(at(n), person, positionOf(current))
    expect(resumeOf(stream)).toMatchObject({ verdict: 'exact' })
  }
  return () => [...told, ...messagesOf(stream)]
}

/** Sends a message and does to it what the steps say, all at once. */
const change = async (owner: Person, conversationId: string, steps: readonly Step[]): Promise<void> => {
  const { body } = await owner.send(conversationId, { text: 'as it was sent' }).expect(201)
  const path = `/api/v1/messages/${body.id}`
  const answers = steps.map(({ worker, what }, n) => {
    const { request } = at(worker)
    const asking = what === 'edit' ? request.patch(path).send({ text: `edit ${n}` }) : request.delete(`${path}?scope=all`)
    return asking.auth(owner.accessToken, { type: 'bearer' })
  })
  for (const { status } of await Promise.all(answers)) expect([200, 409]).toContain(status)
}

const aStep: fc.Arbitrary<Step> = fc.record({
  message: fc.nat(messageCount - 1),
  worker: fc.nat(1),
  what: fc.constantFrom('edit', 'edit', 'edit', 'edit', 'edit', 'delete'),
})

describe('edits and deletions at once, at two workers', { timeout: 240_000 }, () => {
  it('end for every reader in what the database has; no version falls, and no content comes after its tombstone', () =>
    fc.assert(
      fc.asyncProperty(fc.array(aStep, { minLength: 10, maxLength: 40 }), async (steps) => {
        const { owner, members, conversation } = await aGroup(workers[0], 3)
        await settled(workers[0], conversation.id)
        const [, reader, wanderer] = members
        if (!reader || !wanderer) throw new Error('a group of three')
        const streams = await Promise.all([openStream(at(0), reader), openStream(at(1), reader)])
        let changed = false
        const wandering = readInPieces(wanderer, await openStream(at(0), wanderer), () => changed)

        const ofMessages = Array.from({ length: messageCount }, (_, message) => steps.filter((step) => step.message === message))
        await Promise.all(ofMessages.map((own) => change(owner, conversation.id, own)))
        changed = true

        const stored = await storedIn(conversation.id)
        for (const stream of streams) await expect.poll(() => heard(messagesOf(stream))).toEqual(stored)
        const toldInPieces = await wandering
        await expect.poll(() => heard(toldInPieces())).toEqual(stored)
      }),
      { numRuns: 12 },
    ))
})
