import { Types } from 'mongoose'
import { expect } from 'vitest'
import { aDirectConversation, type Person } from './people.js'
import type { TcpProxy } from './tcp-proxy.js'
import type { TestApp } from './test-app.js'

export interface Talk {
  readonly ann: Person
  readonly bob: Person
  readonly conversation: { readonly id: string }
}

/** Two people and a conversation that is old enough for a replay: who came after a position is told to fetch. */
export const aTalk = async (app: TestApp): Promise<Talk> => {
  const talk = await aDirectConversation(app)
  const filter = { _id: new Types.ObjectId(talk.conversation.id) }
  await app.context.mongo.connection.collection('conversations').updateOne(filter, { $set: { 'members.$[].joinedAt': new Date(0) } })
  return talk
}

const drops = 2

/**
 * Ann talks while Bob's connection is dropped again and again: some of it Bob hears at once, some while he is cut off, some in between.
 * @param heard what Bob has heard so far, in order
 */
export const talkThroughDrops = async (
  { ann, conversation }: Talk,
  proxy: TcpProxy,
  heard: () => readonly string[] | Promise<readonly string[]>,
): Promise<void> => {
  const said: string[] = []
  const say = async () => {
    said.push(`message ${said.length + 1}`)
    await ann.send(conversation.id, { text: said.at(-1) ?? '' }).expect(201)
  }
  const allHeard = () => expect.poll(heard, { timeout: 30_000 }).toEqual(said)
  for (let drop = 0; drop < drops; drop++) {
    await say()
    await allHeard()
    const unsure = say() // before the drop, or after
    proxy.cut()
    await unsure
    await say()
    proxy.restore()
    await allHeard()
  }
}
