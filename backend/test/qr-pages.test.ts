import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readConfig } from '../src/config.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const fingerprint = Array.from({ length: 32 }, (_, n) => (n + 160).toString(16).toUpperCase()).join(':')
const apps = {
  API_URL: 'https://chat.example.com/messaging',
  APP_NAME: 'Fire & <Smoke>',
  APP_SCHEME: 'smoke',
  APP_STORE_URL: 'https://apps.apple.com/app/id1?a=1&b="2"',
  APPLE_APP_IDS: 'ABCDE12345.com.example.chat, ABCDE12345.com.example.beta',
  ANDROID_PACKAGE: 'com.example.chat',
  ANDROID_CERT_FINGERPRINTS: fingerprint,
}
let app: TestApp
let bare: TestApp
beforeAll(async () => {
  ;[app, bare] = await Promise.all([startTestApp(apps), startTestApp({}, { waitForDatabase: false })])
})
afterAll(async () => {
  await Promise.all([app.close(), bare.close()])
})

describe('the page that a QR code leads to', () => {
  it('says what it is for, by the app’s name, and where the app is', async () => {
    const { text } = await app.request
      .get('/qr')
      .expect(200)
      .expect('Content-Type', /^text\/html/)
    expect(text).toContain('Fire &amp; &lt;Smoke&gt;')
    expect(text).not.toContain('<Smoke>')
    expect(text).toContain('data-scheme="smoke"')
    expect(text).toContain('<a href="https://apps.apple.com/app/id1?a=1&amp;b=&quot;2&quot;">App Store</a>')
    expect(text).not.toContain('Google Play')
    expect(text).not.toContain('{{')
  })

  it.each(['/qr', '/qr/page.js', '/qr/page.css'])('runs nothing but its own script: %s', async (path) => {
    const { headers, text } = await app.request.get(path).expect(200)
    const policy = String(headers['content-security-policy'])
    expect(policy).toContain("default-src 'none'; script-src 'self'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).not.toContain('unsafe')
    expect(text).not.toMatch(/<script>|\son\w+="|style="/)
  })

  it('is there without any setting', async () => {
    const { text } = await bare.request.get('/qr').expect(200)
    expect(text).toContain('Heliograph')
    expect(text).toContain('data-scheme=""')
  })
})

describe('the files by which phones open the app', () => {
  it('name the apps for iOS, and the page’s path as it is outside', async () => {
    const { body } = await app.request
      .get('/.well-known/apple-app-site-association')
      .expect(200)
      .expect('Content-Type', /^application\/json/)
    const appIDs = ['ABCDE12345.com.example.chat', 'ABCDE12345.com.example.beta']
    expect(body).toEqual({ applinks: { details: [{ appIDs, components: [{ '/': '/messaging/qr' }] }] } })
  })

  it('name the app for Android, and its certificate', async () => {
    const { body } = await app.request
      .get('/.well-known/assetlinks.json')
      .expect(200)
      .expect('Content-Type', /^application\/json/)
    expect(body).toEqual([
      {
        relation: ['delegate_permission/common.handle_all_urls'],
        target: { namespace: 'android_app', package_name: 'com.example.chat', sha256_cert_fingerprints: [fingerprint] },
      },
    ])
  })

  it.each(['/.well-known/apple-app-site-association', '/.well-known/assetlinks.json'])(
    'are not there where nothing is set: %s',
    async (path) => {
      const { body } = await bare.request.get(path).expect(404)
      expect(body.code).toBe('not_found')
    },
  )
})

it('pages are limited for strangers', async () => {
  const strict = await startTestApp({ LIMIT_ANONYMOUS: '3/h' })
  const paths = ['/qr', '/qr/page.css', '/.well-known/assetlinks.json', '/qr']
  const statuses: number[] = []
  for (const path of paths) statuses.push((await strict.request.get(path)).status)
  expect(statuses).toEqual([200, 200, 404, 429])
  await strict.close()
})

describe('the settings', () => {
  const JWT_SECRET = 'Zq0v'.repeat(12)
  const urlOf = (environment: Record<string, string>) => readConfig({ JWT_SECRET, ...environment }).qrPage.url

  it('put the page below API_URL, or where QR_URL says', () => {
    expect(urlOf({ PORT: '3210' })).toBe('http://localhost:3210/qr')
    expect(urlOf({ API_URL: 'https://chat.example.com/' })).toBe('https://chat.example.com/qr')
    expect(urlOf({ API_URL: 'https://chat.example.com', QR_URL: 'https://get.example.com/in' })).toBe('https://get.example.com/in')
  })

  it.each([
    ['QR_URL', 'https://chat.example.com/qr#token'],
    ['QR_URL', 'heliograph://qr'],
    ['APP_SCHEME', 'javascript'],
    ['APP_SCHEME', 'no scheme'],
    ['APP_STORE_URL', 'javascript:alert(1)'],
    ['APPLE_APP_IDS', 'com.example.chat'],
    ['ANDROID_PACKAGE', 'chat'],
    ['ANDROID_CERT_FINGERPRINTS', 'AB:CD'],
  ])('refuse a wrong %s: %s', (name, value) => {
    expect(() => readConfig({ JWT_SECRET, [name]: value })).toThrow(name)
  })

  it('of Android’s app are both there or none', () => {
    expect(() => readConfig({ JWT_SECRET, ANDROID_PACKAGE: 'com.example.chat' })).toThrow('ANDROID_CERT_FINGERPRINTS')
    expect(() => readConfig({ JWT_SECRET, ANDROID_CERT_FINGERPRINTS: fingerprint })).toThrow('ANDROID_PACKAGE')
  })
})

describe('the demo', () => {
  it.each(['test', 'production'])('is not there in %s', async (environment) => {
    const other = await startTestApp({ NODE_ENV: environment }, { waitForDatabase: false })
    for (const path of ['/qr-demo', '/qr-demo/page.js', '/qr-demo/picture.svg?token=AAAAAAAAAAAAAAAAAAAAAAAA'])
      await other.request.get(path).expect(404)
    await other.close()
  })

  it('makes pictures of tokens alone', async () => {
    const demo = await startTestApp({ NODE_ENV: 'development' })
    await demo.request
      .get('/qr-demo/picture.svg?token=AAAAAAAAAAAAAAAAAAAAAAAA')
      .expect(200)
      .expect('Content-Type', /^image\/svg/)
    for (const query of ['', '?token=short', '?token=https://evil.example/aaaaaaaaaaaaa', `?token=${'A'.repeat(101)}`])
      await demo.request.get(`/qr-demo/picture.svg${query}`).expect(400)
    await demo.close()
  })
})
