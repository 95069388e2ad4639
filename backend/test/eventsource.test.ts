import { EventSource, type FetchLike } from 'eventsource'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { aTalk, talkThroughDrops } from './support/drops.js'
import type { Person } from './support/people.js'
import { browserRecipe } from './support/recipe.js'
import { TcpProxy, targetOf } from './support/tcp-proxy.js'
import { startTestApp, type TestApp } from './support/test-app.js'

type Listen = (api: string, token: () => string | undefined, tell: (type: string, data: object) => void) => void

const testTimeoutMs = 60_000
let app: TestApp
let proxy: TcpProxy // between the client and the product
let url: string
const sources = new Set<EventSource>()

beforeAll(async () => {
  app = await startTestApp()
  proxy = await TcpProxy.open(targetOf(app.url))
  url = `http://127.0.0.1:${proxy.port}`
})
afterEach(() => {
  for (const source of sources) source.close()
  sources.clear()
  vi.unstubAllGlobals()
})
afterAll(async () => {
  await proxy.close()
  await app.close()
})

const withToken =
  ({ accessToken }: Person): FetchLike =>
  (input, init) =>
    fetch(input, { ...init, headers: { ...init.headers, Authorization: `Bearer ${accessToken}` } })

const textOf = (data: object): string => ('message' in data ? (data as { message: { text: string } }).message.text : '')

describe('the eventsource package', () => {
  it(
    'with a token comes back by itself, by Last-Event-ID, with nothing lost or doubled',
    async () => {
      const talk = await aTalk(app)
      const source = new EventSource(`${url}/sse`, { fetch: withToken(talk.bob) })
      sources.add(source)
      const heard: string[] = []
      const verdicts: string[] = []
      source.addEventListener('message.created', ({ data }) => heard.push(textOf(JSON.parse(data))))
      source.addEventListener('resume', ({ data }) => verdicts.push(JSON.parse(data).verdict))
      await expect.poll(() => verdicts).toEqual(['live'])
      await talkThroughDrops(talk, proxy, () => heard)
      expect(verdicts).toEqual(['live', 'exact', 'exact'])
    },
    testTimeoutMs,
  )

  it('with a ticket gives up at its first error: the ticket is used', async () => {
    const { bob } = await aTalk(app)
    const { body } = await bob.post('/sse/ticket', {}).expect(201)
    const source = new EventSource(`${url}/sse?ticket=${body.ticket}`)
    sources.add(source)
    await expect.poll(() => source.readyState).toBe(EventSource.OPEN)
    const codes: unknown[] = []
    source.addEventListener('error', ({ code }) => codes.push(code))
    proxy.cut()
    proxy.restore()
    await expect.poll(() => source.readyState).toBe(EventSource.CLOSED)
    expect(codes.at(-1)).toBe(401)
  })

  it(
    'by the README’s recipe comes back with new tickets and its position, with nothing lost or doubled, until it is signed out',
    async () => {
      vi.stubGlobal('EventSource', EventSource)
      const talk = await aTalk(app)
      const program = `${browserRecipe()}\nexport { listen }`
      const { listen } = (await import(/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(program)}`)) as { listen: Listen }
      const heard: string[] = []
      const told: string[] = []
      let token: string | undefined = talk.bob.accessToken
      listen(
        url,
        () => token,
        (type, data) => {
          told.push(type)
          if (type === 'message.created') heard.push(textOf(data))
        },
      )
      await expect.poll(() => told).toContain('resume')
      await talkThroughDrops(talk, proxy, () => heard)
      token = undefined
      await talk.bob.post('/auth/logout', {}).expect(204)
      await expect.poll(() => told.at(-1)).toBe('session.revoked')
      await expect.poll(() => app.context.hub.streamsOf(talk.bob.id)).toBe(0)
    },
    testTimeoutMs,
  )
})
