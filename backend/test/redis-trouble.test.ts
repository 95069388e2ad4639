import { describe, expect, inject, it } from 'vitest'
import {
  afterwards,
  aNeighbour,
  anApp,
  aStream,
  at,
  deadline,
  hasEnded,
  longAgo,
  outboxesAreEmpty,
  sendAll,
  textsOf,
  upTo,
} from './support/listening.js'
import { aDirectConversation, aPerson } from './support/people.js'
import { TcpProxy, targetOf, through } from './support/tcp-proxy.js'

const soon = { forgetAfterMs: 1000 }

describe.each([1, 4])('a lost connection to Redis, with %i shards', (shards) => {
  const spread = { REDIS_SHARDS: String(shards) }

  it('is lived through: what is sent meanwhile, here and elsewhere, is stored, and told once and in order when it is back', async () => {
    const proxy = await TcpProxy.open(targetOf(inject('redisUrl')))
    afterwards(() => proxy.close())
    const elsewhere = await anApp(spread, soon)
    const cutOff = await aNeighbour(elsewhere, { ...spread, REDIS_URL: through(inject('redisUrl'), proxy) }, soon)
    const { ann, bob, conversation } = await aDirectConversation(elsewhere)
    const carol = await aPerson(elsewhere)
    const streams = await Promise.all([ann, bob, bob, carol].map((person) => aStream(person, cutOff)))
    const ended = streams.map(hasEnded)
    await sendAll(ann, conversation.id, ['before'])
    for (const stream of streams.slice(0, 3)) await expect.poll(() => textsOf(stream), deadline).toEqual(['before'])

    proxy.cut()
    await expect.poll(cutOff.context.redisReady).toBe(false)
    await sendAll(ann, conversation.id, upTo(3, 'elsewhere'))
    await sendAll(at(cutOff, bob), conversation.id, upTo(3, 'here'))
    const begun = await ann.post('/conversations', { type: 'group', name: 'Begun meanwhile', memberIds: [bob.id, carol.id] }).expect(201)
    await sendAll(ann, begun.body.id, upTo(3, 'begun'))
    const refused = await fetch(`${cutOff.url}/sse`, { headers: { authorization: `Bearer ${bob.accessToken}` } })
    expect([refused.status, refused.headers.has('retry-after')]).toEqual([503, true])

    proxy.restore()
    await sendAll(at(cutOff, bob), conversation.id, ['after'])
    await sendAll(ann, begun.body.id, ['after in the group'])
    const inPair = ['before', ...upTo(3, 'elsewhere'), ...upTo(3, 'here'), 'after']
    const inGroup = [...upTo(3, 'begun'), 'after in the group']
    for (const [n, stream] of streams.entries()) {
      const expected = n === 3 ? inGroup : [...inPair, ...inGroup]
      await expect.poll(() => textsOf(stream).length, deadline).toBe(expected.length)
      expect(textsOf(stream).filter((text) => inPair.includes(text))).toEqual(n === 3 ? [] : inPair)
      expect(textsOf(stream).filter((text) => inGroup.includes(text))).toEqual(inGroup)
    }
    expect(ended.map(({ value }) => value)).toEqual([false, false, false, false])

    // The position it then has is a good one.
    await longAgo(elsewhere)
    const again = await aStream(bob, elsewhere, streams[1]?.events.at(-1)?.id)
    expect(again.events[0]?.data).toMatchObject({ verdict: 'exact' })
    await sendAll(ann, conversation.id, ['later'])
    await expect.poll(() => textsOf(again)).toEqual(['later'])
    await outboxesAreEmpty(elsewhere)
  }, 120_000)
})

describe('what a lost connection made unsure', () => {
  const few = { EVENT_LOG_ENTRIES: '10' }

  /** A worker that can be cut off from Redis, another one, and a stream at the first. */
  const cutOffWorker = async () => {
    const proxy = await TcpProxy.open(targetOf(inject('redisUrl')))
    afterwards(() => proxy.close())
    const elsewhere = await anApp(few)
    const cutOff = await aNeighbour(elsewhere, { ...few, REDIS_URL: through(inject('redisUrl'), proxy) })
    const { ann, bob, conversation } = await aDirectConversation(elsewhere)
    const carol = await aPerson(elsewhere)
    const streams = { ofBob: await aStream(bob, cutOff), ofCarol: await aStream(carol, cutOff) }
    await sendAll(ann, conversation.id, ['before'])
    await expect.poll(() => textsOf(streams.ofBob)).toEqual(['before'])
    await longAgo(elsewhere)
    proxy.cut()
    await expect.poll(cutOff.context.redisReady).toBe(false)
    return { proxy, elsewhere, cutOff, ann, bob, carol, conversation, ...streams }
  }

  it('ends the streams whose channel has forgotten; they come back to a partial, the others live on', async () => {
    const { proxy, cutOff, ann, bob, carol, conversation, ofBob, ofCarol } = await cutOffWorker()
    await sendAll(ann, conversation.id, upTo(15, 'too many'))
    proxy.restore()
    await ofBob.ended
    const again = await aStream(bob, cutOff, ofBob.events.at(-1)?.id)
    expect(again.events[0]?.data).toMatchObject({ verdict: 'partial', refetch: [conversation.id] })
    const begun = await ann.post('/conversations', { type: 'direct', userId: carol.id }).expect(201)
    await sendAll(ann, begun.body.id, ['to Carol'])
    await expect.poll(() => textsOf(ofCarol)).toEqual(['to Carol'])
  })

  it('ends all streams where what the hubs are told has been forgotten', async () => {
    const { proxy, elsewhere, cutOff, ann, bob, conversation, ofBob, ofCarol } = await cutOffWorker()
    for (const other of await Promise.all(upTo(6, 'other').map(() => aPerson(elsewhere)))) {
      await ann.post('/conversations', { type: 'direct', userId: other.id }).expect(201) // two messages to the hubs
    }
    await sendAll(ann, conversation.id, ['meanwhile'])
    proxy.restore()
    await Promise.all([ofBob.ended, ofCarol.ended])
    const again = await aStream(bob, cutOff, ofBob.events.at(-1)?.id)
    expect(again.events[0]?.data).toMatchObject({ verdict: 'exact' })
    await expect.poll(() => textsOf(again)).toEqual(['meanwhile'])
  })
})
