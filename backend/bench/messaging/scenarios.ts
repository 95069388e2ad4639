import { randomInt, randomUUID } from 'node:crypto'
import type { Operation } from './contract.js'
import { longOnes, type World } from './world.js'

/** The access token of a person. */
type TokenOf = (userId: string) => string

export interface Scenario {
  readonly about: string
  readonly operations: readonly Operation[]
  readonly connections: number
  readonly perSecond?: number
  /** For the 99th percentile. */
  readonly goalMs?: number
}

const sendSeconds = 5
const reads = 200

/** What is measured, in this order: reading first, by one who is in all the conversations. */
export const scenariosOf = (world: World, tokenOf: TokenOf): Scenario[] => {
  const token = tokenOf(world.viewerId)
  const get = (path: string) => ({ method: 'GET' as const, path, token, expected: 200 })
  const times = (make: (n: number) => Operation, count = reads): Operation[] => Array.from({ length: count }, (_, n) => make(n))
  const talk = (n: number) => world.talks[n % world.talks.length] ?? world.long
  const pages = `/conversations/${world.long.id}/messages`
  const anySeq = () => randomInt(1, longOnes)
  const quiet = { connections: 1, goalMs: 50 }

  const send = (n: number): Operation => {
    const { id, memberIds } = talk(randomInt(world.talks.length))
    const body = JSON.stringify({ clientId: randomUUID(), text: 'The mirror on the hill flashes twice: they have seen us.' })
    return [
      { method: 'POST', path: `/conversations/${id}/messages`, token: tokenOf(memberIds[n % memberIds.length] ?? ''), body, expected: 201 },
    ]
  }
  const read = (n: number): Operation => {
    const { id, memberIds } = talk(n)
    const body = JSON.stringify({ readSeq: 16 + Math.floor(n / world.talks.length) })
    return [{ method: 'POST', path: `/conversations/${id}/receipts`, token: tokenOf(memberIds[0] ?? ''), body, expected: 204 }]
  }
  return [
    { about: 'conversation list, 50 of 501', operations: times(() => [get('/conversations')]), ...quiet },
    { about: 'conversation list, 100 of 501', operations: times(() => [get('/conversations?limit=100')]), ...quiet },
    {
      about: 'opening a conversation: it, and its newest page',
      operations: times((n) => [get(`/conversations/${talk(n).id}`), get(`/conversations/${talk(n).id}/messages`)]),
      ...quiet,
    },
    { about: 'of 100,000 messages: the newest 50', operations: times(() => [get(pages)]), ...quiet },
    { about: 'of 100,000 messages: 50 before a seq', operations: times(() => [get(`${pages}?beforeSeq=${anySeq()}`)]), ...quiet },
    { about: 'of 100,000 messages: 50 after a seq', operations: times(() => [get(`${pages}?afterSeq=${anySeq()}`)]), ...quiet },
    { about: 'of 100,000 messages: 50 around a seq', operations: times(() => [get(`${pages}?aroundSeq=${anySeq()}`)]), ...quiet },
    { about: 'marking read, 100 a second', operations: times(read, 500), connections: 64, perSecond: 100 },
    ...[100, 500, 1000].map((perSecond) => ({
      about: `send, ${perSecond.toLocaleString('en')} a second into 500`,
      operations: times(send, perSecond * sendSeconds),
      connections: 256,
      perSecond,
    })),
  ]
}
