import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aWebServer, startChromium } from './support/browser.js'
import { aTalk, talkThroughDrops } from './support/drops.js'
import { type Nginx, startNginx } from './support/nginx.js'
import { browserRecipe } from './support/recipe.js'
import { TcpProxy, targetOf } from './support/tcp-proxy.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const testTimeoutMs = 90_000
let browser: Browser
let web: Awaited<ReturnType<typeof aWebServer>> // serves an empty page of an origin of its own
let app: TestApp
let proxy: TcpProxy // before the product
let nginx: Nginx // before the proxy

beforeAll(async () => {
  web = await aWebServer()
  app = await startTestApp({ CORS_ORIGIN: web.origin, TRUST_PROXY: 'loopback' })
  proxy = await TcpProxy.open(targetOf(app.url))
  nginx = await startNginx(proxy.port)
  browser = await startChromium()
}, 120_000)
afterAll(async () => {
  await browser.close()
  await nginx.stop()
  await proxy.close()
  await app.close()
  web.close()
})

const aPage = async (): Promise<Page> => {
  const context = await browser.newContext({ ignoreHTTPSErrors: true })
  const page = await context.newPage()
  await page.goto(web.origin)
  return page
}

/** The protocols by which an origin's answers came. */
const watchProtocols = async (page: Page, origin: string): Promise<Set<string>> => {
  const protocols = new Set<string>()
  const devtools = await page.context().newCDPSession(page)
  devtools.on('Network.responseReceived', ({ response: { protocol, url } }) => {
    if (protocol && url.startsWith(origin)) protocols.add(protocol)
  })
  await devtools.send('Network.enable')
  return protocols
}

describe('Chromium’s own EventSource, by the README’s recipe', () => {
  it.each([
    ['straight, over HTTP/1.1', () => `http://127.0.0.1:${proxy.port}`, 'http/1.1'],
    ['through nginx, over HTTP/2', () => nginx.https, 'h2'],
  ])(
    '%s, comes back after each drop with nothing lost or doubled',
    async (_name, api, protocol) => {
      const talk = await aTalk(app)
      const page = await aPage()
      const protocols = await watchProtocols(page, api())
      const told: string[] = []
      const heard: string[] = []
      await page.exposeFunction('tell', (type: string, data: { message?: { text: string } }) => {
        told.push(type)
        if (data.message) heard.push(data.message.text)
      })
      await page.addScriptTag({ content: browserRecipe() })
      await page.evaluate(`listen(${JSON.stringify(api())}, () => ${JSON.stringify(talk.bob.accessToken)}, tell)`)
      await expect.poll(() => told, { timeout: 30_000 }).toContain('resume')
      await talkThroughDrops(talk, proxy, () => heard)
      expect([...protocols]).toEqual([protocol])
      await page.context().close()
      await expect.poll(() => app.context.hub.streamsOf(talk.bob.id)).toBe(0)
    },
    testTimeoutMs,
  )

  it('of an origin that is not allowed hears nothing', async () => {
    const stranger = await aWebServer()
    const { bob } = await aTalk(app)
    const { body } = await bob.post('/sse/ticket', {}).expect(201)
    const context = await browser.newContext()
    const page = await context.newPage()
    await page.goto(stranger.origin)
    const outcome = await page.evaluate(
      `new Promise((resolve) => {
        const source = new EventSource(${JSON.stringify(`${app.url}/sse?ticket=${body.ticket}`)})
        source.addEventListener('resume', () => resolve('heard'))
        source.onerror = () => resolve('refused')
      })`,
    )
    expect(outcome).toBe('refused')
    await context.close()
    stranger.close()
  })
})
