import { expect, it } from 'vitest'
import { afterwards, aNeighbour, anApp, aStream, deadline, longAgo, sendAll, textsOf } from './support/listening.js'
import { aDirectConversation } from './support/people.js'

it('no position passes what a stream has still to tell of a conversation that its user came into, however slow the database is', async () => {
  const app = await anApp()
  const neighbour = await aNeighbour(app)
  const { ann, bob, conversation } = await aDirectConversation(app)
  const elsewhere = await aStream(bob, neighbour)
  const stream = await aStream(bob, app)
  let answer: (isMember: boolean) => void = () => undefined
  const asked = new Promise<void>((resolve) => {
    app.context.hub.askMembership(() => {
      resolve()
      return new Promise<boolean>((resolveAnswer) => {
        answer = resolveAnswer
      })
    })
  })
  afterwards(() => answer(false))

  const begun = await ann.post('/conversations', { type: 'group', name: 'The hill', memberIds: [bob.id] }).expect(201)
  await asked
  await sendAll(ann, begun.body.id, ['in the group'])
  await sendAll(ann, conversation.id, ['in the pair'])
  await expect.poll(() => textsOf(elsewhere).length, deadline).toBe(2)
  // What was told to this worker by then has gone through it.
  await app.context.log.subscribe([`user:${bob.id}`])
  await stream.close()
  await longAgo(app) // the database was slow for longer than clocks may differ

  const again = await aStream(bob, neighbour, stream.events.findLast(({ id }) => id !== undefined)?.id)
  expect(again.events[0]?.data).toMatchObject({ verdict: 'exact' })
  await expect.poll(() => [...textsOf(stream), ...textsOf(again)]).toEqual(['in the group', 'in the pair'])
})
