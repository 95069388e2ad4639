import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { at } from './support/listening.js'
import { aGroup, type Person } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const perSecond = 200
const messages = 800
const deadlineMs = 120_000

let app: TestApp
/** Another worker: who reads asks the one, or the other. */
let neighbour: TestApp
beforeAll(async () => {
  app = await startTestApp()
  neighbour = await startTestApp({ MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: app.secret })
})
afterAll(async () => {
  await neighbour.close()
  await app.close()
})

interface Page {
  readonly items: readonly { readonly seq: number; readonly text: string }[]
  readonly nextCursor: string | null
}
const seqsOf = ({ items }: Page): number[] => items.map(({ seq }) => seq)
const upTo = (count: number, from = 1): number[] => Array.from({ length: count }, (_, n) => from + n)

/** What has been written so far, in the order of its answers. */
interface Writing {
  /** The highest seq that was answered. */
  acknowledged: number
  readonly done: Promise<void>
}

/** Four people write by the clock, whether what was written before is answered or not, at two workers. */
const beginWriting = (writers: readonly Person[], conversationId: string): Writing => {
  const write = async (n: number): Promise<void> => {
    const writer = writers[n % writers.length]
    if (!writer) throw new Error('somebody writes')
    const { body } = await writer.send(conversationId, { text: `message ${n}` }).expect(201)
    writing.acknowledged = Math.max(writing.acknowledged, body.seq)
  }
  const all = async (): Promise<void> => {
    const begun = performance.now()
    const sent: Promise<void>[] = []
    for (const n of upTo(messages)) {
      await sleep(Math.max(0, begun + (n * 1000) / perSecond - performance.now()))
      sent.push(write(n))
    }
    await Promise.all(sent)
  }
  const writing = { acknowledged: 0, done: Promise.resolve() }
  writing.done = all()
  return writing
}

const aWorld = async () => {
  const { owner, members, conversation } = await aGroup(app, 4)
  const writers = members.map((member, n) => (n % 2 ? at(neighbour, member) : member))
  const page = (of: Person, query: string) => of.get(`/conversations/${conversation.id}/messages?${query}`).expect(200)
  const readers = [owner, at(neighbour, owner)] as const
  let asked = 0
  /** At the one worker and the other by turns. */
  const list = async (query: string): Promise<Page> => (await page(readers[asked++ % 2 ? 1 : 0], query)).body
  return { list, begin: () => beginWriting(writers, conversation.id) }
}

describe(`while ${perSecond} messages a second are written`, () => {
  it('who pages forward by cursor, and by the last seq they have, sees each message once and none too late', {
    timeout: deadlineMs,
  }, async () => {
    const { list, begin } = await aWorld()
    const writing = begin()
    const seen: number[] = []
    let cursor: string | null = null
    while (seen.length < messages) {
      const { acknowledged } = writing
      const page: Page = await list(cursor === null ? `afterSeq=${seen.length}&limit=17` : `cursor=${cursor}&limit=17`)
      expect(seqsOf(page)).toEqual(upTo(page.items.length, seen.length + 1))
      seen.push(...seqsOf(page))
      if (page.nextCursor === null)
        expect(seen.length).toBeGreaterThanOrEqual(acknowledged) // the end is not before what was answered
      else expect(page.items).toHaveLength(17)
      cursor = page.nextCursor
    }
    await writing.done
    expect(seen).toEqual(upTo(messages))
  })

  it('who pages back from the newest comes to the first, past each message once, however often', { timeout: deadlineMs }, async () => {
    const { list, begin } = await aWorld()
    const writing = begin()
    let ended = false
    const done = writing.done.finally(() => {
      ended = true
    })
    let walks = 0
    for (let isLast = false; !isLast; walks++) {
      isLast = ended
      const { acknowledged } = writing
      const newest = await list('limit=23')
      const head = newest.items.at(-1)?.seq ?? 0
      expect(head).toBeGreaterThanOrEqual(acknowledged)
      const seen = [...seqsOf(newest)]
      // By cursor in one walk, by the lowest seq that one has in the next.
      for (let page = newest; page.nextCursor !== null; ) {
        page = await list(walks % 2 ? `beforeSeq=${seen[0]}&limit=23` : `cursor=${page.nextCursor}&limit=23`)
        seen.unshift(...seqsOf(page))
      }
      expect(seen).toEqual(upTo(head))
    }
    await done
    expect(walks).toBeGreaterThan(1)
    expect(writing.acknowledged).toBe(messages)
  })

  it('who looks around a message, and goes on from there both ways, sees what is before and after it without a gap', {
    timeout: deadlineMs,
  }, async () => {
    const { list, begin } = await aWorld()
    const writing = begin()
    let ended = false
    const done = writing.done.finally(() => {
      ended = true
    })
    let looks = 0
    for (let isLast = false; !isLast; ) {
      isLast = ended
      const { acknowledged } = writing
      if (acknowledged === 0) {
        await sleep(5)
        continue
      }
      const middle = 1 + ((looks * 37) % acknowledged)
      const around = await list(`aroundSeq=${middle}&limit=15`)
      const [first = 0] = seqsOf(around)
      expect(seqsOf(around)).toContain(middle)
      const before = first === 1 ? [] : seqsOf(await list(`beforeSeq=${first}&limit=15`))
      const after = around.nextCursor === null ? [] : seqsOf(await list(`cursor=${around.nextCursor}&limit=15`))
      const seen = [...before, ...seqsOf(around), ...after]
      expect(seen).toEqual(upTo(seen.length, seen[0]))
      if (around.nextCursor === null) expect(seen.at(-1)).toBeGreaterThanOrEqual(acknowledged)
      looks += 1
    }
    await done
    expect(looks).toBeGreaterThan(0)
  })
})
