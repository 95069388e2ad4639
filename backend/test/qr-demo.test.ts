import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import jsQR from 'jsqr'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { startChromium } from './support/browser.js'
import { afterwards, anApp, deadline } from './support/listening.js'
import { aPerson, type Person } from './support/people.js'
import { wrong } from './support/qr.js'
import type { TestApp } from './support/test-app.js'

const output = fileURLToPath(new URL('output/', import.meta.url))
const testTimeoutMs = 90_000
const side = 512
let browser: Browser
beforeAll(async () => {
  mkdirSync(output, { recursive: true })
  browser = await startChromium()
}, 120_000)
afterAll(() => browser.close())

/** The demo’s page, and whatever it complained of. */
const aDemo = async (app: TestApp): Promise<{ page: Page; complaints: string[] }> => {
  const context = await browser.newContext()
  afterwards(() => context.close())
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', (message) => void (message.type() === 'error' && complaints.push(message.text())))
  page.on('pageerror', (error) => void complaints.push(String(error)))
  await page.goto(`${app.url}/qr-demo`)
  return { page, complaints }
}

const Pixels = z.array(z.number())
/** What the picture on the page says; undefined while there is none. */
const scanned = async (page: Page): Promise<string | undefined> => {
  const pixels = await page.evaluate(`(() => {
    const picture = document.getElementById('picture')
    if (!picture.complete || picture.naturalWidth === 0) return []
    const canvas = Object.assign(document.createElement('canvas'), { width: ${side}, height: ${side} })
    const drawing = canvas.getContext('2d')
    drawing.fillStyle = '#fff'
    drawing.fillRect(0, 0, ${side}, ${side})
    drawing.drawImage(picture, 0, 0, ${side}, ${side})
    return [...drawing.getImageData(0, 0, ${side}, ${side}).data]
  })()`)
  const parsed = Pixels.parse(pixels)
  return parsed.length === 0 ? undefined : jsQR.default(Uint8ClampedArray.from(parsed), side, side)?.data
}

const textOf = (page: Page, id: string): Promise<string | null> => page.textContent(`#${id}`)
const says = (page: Page, text: string) => expect.poll(() => textOf(page, 'state'), deadline).toContain(text)

/** A phone scans what is on the page. @returns its challenge and the number that the page shows */
const scanPage = async (page: Page, phone: Person): Promise<{ id: string; code: string; choices: string[] }> => {
  await expect.poll(() => scanned(page), deadline).toContain('#')
  const url = new URL((await scanned(page)) ?? '')
  const { body } = await phone.post('/auth/qr/scan', { token: url.hash.slice(1) }).expect(200)
  expect(body.device).toEqual({ name: 'Demo page', platform: 'web' })
  return { id: body.id, code: (await textOf(page, 'code')) ?? '', choices: body.choices }
}

describe('the demo in Chromium', () => {
  it(
    'shows a QR code, says who has scanned it, and turns into “signed in as …”',
    async () => {
      const app = await anApp({ NODE_ENV: 'development' })
      const [ann, { page, complaints }] = [await aPerson(app), await aDemo(app)]
      await expect.poll(() => scanned(page), deadline).toMatch(/^http:\/\/localhost:\d+\/qr#[\w-]{24}$/)
      await page.screenshot({ path: `${output}qr-demo-waiting.png` })
      const { id, code, choices } = await scanPage(page, ann)
      expect(choices).toContain(code)
      await says(page, 'Ann has scanned it')
      await ann.post(`/auth/qr/${id}/approve`, { code }).expect(204)
      await says(page, 'signed in as Ann')
      await page.screenshot({ path: `${output}qr-demo-signed-in.png` })
      expect(await page.isVisible('#picture')).toBe(false)
      expect(complaints).toEqual([])
    },
    testTimeoutMs,
  )

  it(
    'is denied by a wrong number, and shows a new code when asked',
    async () => {
      const app = await anApp({ NODE_ENV: 'development' })
      const [ann, { page }] = [await aPerson(app), await aDemo(app)]
      const first = await scanPage(page, ann)
      await ann.post(`/auth/qr/${first.id}/approve`, { code: wrong(first) }).expect(403)
      await says(page, 'denied')
      await page.click('#again')
      await says(page, 'Scan the code')
      const second = await scanPage(page, ann)
      expect(second.id).not.toBe(first.id)
      await ann.post(`/auth/qr/${second.id}/approve`, { code: second.code }).expect(204)
      await says(page, 'signed in as Ann')
    },
    testTimeoutMs,
  )

  it(
    'renews itself when a code has expired',
    async () => {
      const app = await anApp({ NODE_ENV: 'development' }, { qr: { lifetime: 1500, lookEvery: 50 } })
      const { page, complaints } = await aDemo(app)
      const shown = new Set<string>()
      const renewed = async () => {
        const says = await scanned(page)
        if (says !== undefined) shown.add(says)
        return shown.size
      }
      await expect.poll(renewed, deadline).toBeGreaterThanOrEqual(3)
      expect(complaints).toEqual([])
    },
    testTimeoutMs,
  )
})

describe('the page that a QR code leads to, in Chromium', () => {
  it.each([
    ['opens the app with the token', 'AAAAAAAAAAAAAAAAAAAAAAAA', 'smoke://qr#AAAAAAAAAAAAAAAAAAAAAAAA'],
    ['offers nothing without one', '', undefined],
    ['offers nothing for what is none', '"><script>alert(1)</script>', undefined],
  ])(
    '%s',
    async (_name, token, href) => {
      const app = await anApp({ APP_SCHEME: 'smoke' })
      const context = await browser.newContext()
      afterwards(() => context.close())
      const page = await context.newPage()
      await page.goto(`${app.url}/qr#${token}`)
      expect(await page.isVisible('#open')).toBe(href !== undefined)
      expect((await page.getAttribute('#open', 'href')) ?? undefined).toBe(href)
    },
    testTimeoutMs,
  )
})
