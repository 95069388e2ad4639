import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aStream } from './support/listening.js'
import { aDirectConversation, aGroup, aPerson, type Person } from './support/people.js'
import type { SseClient } from './support/sse-client.js'
import { dataOf } from './support/streams.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.close())

interface Seen {
  readonly userId: string
  readonly deliveredSeq: number
  readonly readSeq: number
}

const hide = (person: Person, readReceipts = false) => person.patch('/users/me', { settings: { readReceipts } }).expect(200)
const read = (person: Person, id: string, readSeq: number) => person.post(`/conversations/${id}/receipts`, { readSeq }).expect(204)
const conversationOf = async (person: Person, id: string) => (await person.get(`/conversations/${id}`).expect(200)).body
/** What one member sees of another in the conversation, in the list of members, and in the list of conversations. */
const shown = async (viewer: Person, id: string, of: Person): Promise<number[][]> => {
  const inList = (await viewer.get('/conversations').expect(200)).body.items.find((each: { id: string }) => each.id === id)
  const members = (await viewer.get(`/conversations/${id}/members`).expect(200)).body.items
  return [(await conversationOf(viewer, id)).members, members, inList.members].map((all: Seen[]) => {
    const found = all.find(({ userId }) => userId === of.id)
    return [found?.deliveredSeq ?? -1, found?.readSeq ?? -1]
  })
}
const everywhere = (deliveredSeq: number, readSeq: number) => Array.from({ length: 3 }, () => [deliveredSeq, readSeq])
const readBy = async (viewer: Person, messageId: string): Promise<string[]> =>
  (await viewer.get(`/messages/${messageId}/receipts`).expect(200)).body.readBy.map(({ userId }: Seen) => userId)
/** The highest that a stream was told of somebody. */
const toldOf = (stream: SseClient, person: Person): { delivered: number; read: number } => {
  const all = dataOf(stream, 'receipt.updated').flatMap((data) => [data as unknown as Seen].concat((data['receipts'] ?? []) as Seen[]))
  const of = all.filter(({ userId }) => userId === person.id)
  return { delivered: Math.max(0, ...of.map(({ deliveredSeq }) => deliveredSeq)), read: Math.max(0, ...of.map(({ readSeq }) => readSeq)) }
}

/** Ann has sent three messages to Bob. */
const threeForBob = async () => {
  const { ann, bob, conversation } = await aDirectConversation(app)
  const messages: string[] = []
  for (let n = 0; n < 3; n++) messages.push((await ann.send(conversation.id, {}).expect(201)).body.id)
  await expect.poll(async () => (await conversationOf(ann, conversation.id)).lastSeq).toBe(3)
  return { ann, bob, id: conversation.id, first: messages[0] ?? '' }
}

describe('how far somebody has read who does not show it', () => {
  it('is seen by themselves alone, at their other devices too; that it arrived is seen by all', async () => {
    const { ann, bob, id, first } = await threeForBob()
    await hide(bob)
    const [anns, bobs] = [await aStream(ann, app), await aStream(bob, app)]
    await read(bob, id, 2)
    await expect.poll(() => toldOf(bobs, bob)).toEqual({ delivered: 2, read: 2 })
    await expect.poll(() => toldOf(anns, bob)).toEqual({ delivered: 2, read: 0 })
    expect(await shown(ann, id, bob)).toEqual(everywhere(2, 0))
    expect(await shown(bob, id, bob)).toEqual(everywhere(2, 2))
    expect(await conversationOf(bob, id)).toMatchObject({ unreadCount: 1, my: { readSeq: 2 } })
    expect([await readBy(ann, first), await readBy(bob, first)]).toEqual([[], [bob.id]])
    await ann.send(id, {}).expect(201)
    await read(bob, id, 3)
    await expect.poll(() => toldOf(bobs, bob).read).toBe(3)
    await expect.poll(() => toldOf(anns, bob)).toEqual({ delivered: 3, read: 0 })
  })

  it('is shown again, with what was read meanwhile, once they say so', async () => {
    const { ann, bob, id, first } = await threeForBob()
    await hide(bob)
    await read(bob, id, 2)
    await hide(bob, true)
    expect(await shown(ann, id, bob)).toEqual(everywhere(2, 2))
    expect(await readBy(ann, first)).toEqual([bob.id])
  })

  it('costs them to see it of the other one of a direct conversation', async () => {
    const { ann, bob, id, first } = await threeForBob()
    await hide(ann)
    const anns = await aStream(ann, app)
    await read(bob, id, 2)
    await expect.poll(() => toldOf(anns, bob)).toEqual({ delivered: 2, read: 0 })
    expect(await shown(ann, id, bob)).toEqual(everywhere(2, 0))
    expect(await readBy(ann, first)).toEqual([])
  })

  it('is hidden in a group from the others, of whom one sees it still', async () => {
    const { owner, members, conversation } = await aGroup(app, 4)
    const [, bob, carol] = members
    if (!bob || !carol) throw new Error('four were made')
    const { body } = await owner.send(conversation.id, {}).expect(201)
    await hide(bob)
    const [owners, bobs] = [await aStream(owner, app), await aStream(bob, app)]
    const { lastSeq } = await conversationOf(owner, conversation.id)
    await Promise.all([bob, carol].map((person) => read(person, conversation.id, lastSeq)))
    await expect.poll(() => toldOf(owners, bob)).toEqual({ delivered: lastSeq, read: 0 })
    await expect
      .poll(() => [toldOf(owners, carol).read, toldOf(bobs, carol).read, toldOf(bobs, bob).read])
      .toEqual([lastSeq, lastSeq, lastSeq])
    expect([await readBy(owner, body.id), await readBy(bob, body.id)]).toEqual([[carol.id], expect.arrayContaining([bob.id, carol.id])])
    expect(await shown(bob, conversation.id, carol)).toEqual(everywhere(lastSeq, lastSeq))
  })

  it('is hidden where many are told of at once', async () => {
    const { owner, members, conversation } = await aGroup(app, 12)
    await owner.send(conversation.id, {}).expect(201)
    const [, bob, ...others] = members
    if (!bob) throw new Error('twelve were made')
    await hide(bob)
    const [owners, bobs] = [await aStream(owner, app), await aStream(bob, app)]
    await Promise.all([bob, ...others].map((person) => read(person, conversation.id, 1)))
    await expect.poll(() => others.map((person) => toldOf(owners, person).read)).toEqual(others.map(() => 1))
    await expect
      .poll(() => [toldOf(owners, bob), toldOf(bobs, bob)])
      .toEqual([
        { delivered: 1, read: 0 },
        { delivered: 1, read: 1 },
      ])
  })

  it('is hidden from whom they have blocked, and the other way round, in their direct conversation', async () => {
    const { ann, bob, id } = await threeForBob()
    await bob.put(`/blocks/${ann.id}`).expect(204)
    const [anns, bobs] = [await aStream(ann, app), await aStream(bob, app)]
    await read(bob, id, 3)
    await expect.poll(() => toldOf(bobs, bob).read).toBe(3)
    await expect.poll(() => toldOf(anns, bob)).toEqual({ delivered: 3, read: 0 })
    expect(await shown(ann, id, bob)).toEqual(everywhere(3, 0))
  })

  it('is left out of what is told of a member', async () => {
    const { owner, members, conversation } = await aGroup(app, 2)
    const [, bob] = members
    if (!bob) throw new Error('two were made')
    const stranger = await aPerson(app)
    await owner.send(conversation.id, {}).expect(201)
    await hide(bob)
    await read(bob, conversation.id, 1)
    const owners = await aStream(owner, app)
    await owner.patch(`/conversations/${conversation.id}/members/${bob.id}`, { role: 'admin' }).expect(200)
    await expect.poll(() => dataOf(owners, 'member.updated')[0]).toMatchObject({ member: { userId: bob.id, deliveredSeq: 1, readSeq: 0 } })
    await owner.post(`/conversations/${conversation.id}/members`, { userIds: [stranger.id] }).expect(200)
    expect((await conversationOf(stranger, conversation.id)).members.find(({ userId }: Seen) => userId === bob.id).readSeq).toBe(0)
  })
})
