import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { aPerson, type Person } from './support/people.js'
import {
  anApproved,
  approve,
  aQrBrowser,
  aScanned,
  aVerifier,
  challengeOf,
  challenges,
  deny,
  letExpire,
  scan,
  wrong,
} from './support/qr.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
let ann: Person
let mallory: Person
beforeAll(async () => {
  app = await startTestApp({ API_URL: 'https://chat.example.com', LOG_LEVEL: 'trace' })
  ;[ann, mallory] = await Promise.all([aPerson(app), aPerson(app, { name: 'Mallory' })])
})
afterAll(() => app.close())

const start = (body: object) => app.request.post('/api/v1/auth/qr').send(body)
const auditOf = (id: string) => app.context.mongo.connection.collection('audit').find({ 'target.id': id }).sort({ at: 1 }).toArray()
const sessionsOf = ({ id }: { id: string }) =>
  app.context.mongo.connection.collection('sessions').countDocuments({ userId: new Types.ObjectId(id) })
/** Another device of the same person. */
const anotherPhone = async ({ phone, password }: Person): Promise<Person> => {
  const { body } = await app.request.post('/api/v1/auth/login').send({ phone, password }).expect(200)
  const post: Person['post'] = (path, content) =>
    app.request.post(`/api/v1${path}`).auth(body.accessToken, { type: 'bearer' }).send(content)
  return { ...ann, accessToken: body.accessToken, post }
}

describe('a browser that begins', () => {
  it('gets a picture’s content, a number and an end a minute ahead', async () => {
    const before = Date.now()
    const browser = await aQrBrowser(app)
    expect(browser.url).toBe(`https://chat.example.com/qr#${browser.token}`)
    expect(Buffer.from(browser.token, 'base64url').length * 8).toBeGreaterThanOrEqual(128)
    expect(browser.code).toMatch(/^\d{2}$/)
    expect(new Date(browser.expiresAt).getTime() - before).toBeGreaterThan(50_000)
    expect(new Date(browser.expiresAt).getTime() - before).toBeLessThan(90_000)
    expect(await browser.status()).toBe('pending')
  })

  it('never gets the same token as another', async () => {
    const browsers = await Promise.all(Array.from({ length: 20 }, () => aQrBrowser(app)))
    expect(new Set(browsers.map(({ token }) => token)).size).toBe(20)
  })

  it.each([
    ['no challenge', {}],
    ['a number for one', { challenge: 43 }],
    ['an operator for one', { challenge: { $gt: '' } }],
    ['a short one', { challenge: challengeOf(aVerifier()).slice(1) }],
    ['one that no hash has', { challenge: `${'A'.repeat(42)}B` }],
    ['one in hexadecimal', { challenge: 'ab'.repeat(32) }],
    ['an unknown field', { challenge: challengeOf(aVerifier()), userId: 'x' }],
    ['a device without a name', { challenge: challengeOf(aVerifier()), device: { platform: 'web' } }],
  ])('with %s is refused', async (_name, body) => {
    const answer = await start(body).expect(400)
    expect(answer.body).toMatchObject({ code: 'validation_failed', errors: [expect.anything()] })
  })

  it('may be called what the database would read as a field', async () => {
    const device = { name: '$challenge', platform: '$$NOW' }
    const browser = await aQrBrowser(app, { ...device, pushToken: 'of a provider' })
    expect((await scan(ann, browser).expect(200)).body.device).toEqual(device)
  })
})

describe('a browser without its verifier', () => {
  it.each([
    ['none', ''],
    ['a wrong one', aVerifier()],
    ['the challenge itself', 'challenge'],
    ['a very long one', 'a'.repeat(2000)],
  ])('is told nothing: %s', async (_name, given) => {
    const browser = await aQrBrowser(app)
    const verifier = given === 'challenge' ? challengeOf(browser.verifier) : given
    for (const path of [`/api/v1/auth/qr/${browser.id}`, `/api/v1/auth/qr/${browser.id}/events`]) {
      await app.request.get(path).set('X-QR-Verifier', verifier).expect(404)
      await app.request.get(`${path}?verifier=${verifier}`).expect(404)
      await app.request.get(path).expect(404)
    }
  })

  it('is told as much as one that asks for what is not there', async () => {
    const browser = await aQrBrowser(app)
    const asked = await Promise.all(
      [browser.id, new Types.ObjectId().toHexString()].map((id) => app.request.get(`/api/v1/auth/qr/${id}?verifier=${aVerifier()}`)),
    )
    const [wrongOne, missing] = asked.map(({ status, body: { code, title, detail } }) => [status, code, title, detail])
    expect(wrongOne).toEqual(missing)
  })

  it('gets no session, though it is approved', async () => {
    const browser = await anApproved(app, ann)
    const before = await sessionsOf(ann)
    await browser.exchange(aVerifier()).expect(404)
    expect(await sessionsOf(ann)).toBe(before)
    await browser.exchange().expect(200)
  })

  it.each([
    ['one that is too short', 'short'],
    ['an object', { $gt: '' }],
    ['null', null],
  ])('exchanging with %s is refused', async (_name, verifier) => {
    const browser = await anApproved(app, ann)
    await app.request.post(`/api/v1/auth/qr/${browser.id}/exchange`).send({ verifier }).expect(400)
  })

  it('may give it in the query, and the header wins', async () => {
    const { id, verifier } = await aQrBrowser(app)
    await app.request.get(`/api/v1/auth/qr/${id}?verifier=${verifier}`).expect(200, { status: 'pending' })
    await app.request.get(`/api/v1/auth/qr/${id}?verifier=${verifier}`).set('X-QR-Verifier', aVerifier()).expect(404)
    await app.request.get(`/api/v1/auth/qr/${id}?verifier=${verifier}&verifier=${verifier}`).expect(400)
  })
})

describe('a phone that scans', () => {
  it('is shown what asks, from where, and three numbers of which one is the browser’s', async () => {
    const browser = await aQrBrowser(app)
    const { body } = await scan(ann, browser).expect(200)
    expect(body).toEqual({
      id: browser.id,
      device: { name: 'Firefox on Linux', platform: 'web' },
      ip: '127.0.0.1',
      place: 'unknown',
      choices: [expect.stringMatching(/^\d{2}$/), expect.stringMatching(/^\d{2}$/), expect.stringMatching(/^\d{2}$/)],
    })
    expect(new Set(body.choices).size).toBe(3)
    expect(body.choices).toContain(browser.code)
    expect(await browser.status()).toBe('scanned')
  })

  it('finds the number at any of the three places', async () => {
    const places = await Promise.all(
      Array.from({ length: 60 }, async () => {
        const browser = await aQrBrowser(app)
        const { body } = await scan(ann, browser).expect(200)
        return (body.choices as string[]).indexOf(browser.code)
      }),
    )
    expect(new Set(places)).toEqual(new Set([0, 1, 2])) // fails by chance once in 10^10
  })

  it('again is shown the same: nobody can learn the number by asking twice', async () => {
    const browser = await aQrBrowser(app)
    const [first, again] = [await scan(ann, browser).expect(200), await scan(ann, browser).expect(200)]
    expect(again.body).toEqual(first.body)
    await approve(ann, browser).expect(204)
  })

  it('signed out is nobody', async () => {
    const browser = await aQrBrowser(app)
    await app.request.post('/api/v1/auth/qr/scan').send({ token: browser.token }).expect(401)
    expect(await browser.status()).toBe('pending')
  })

  it.each([
    ['a token of nobody', 'A'.repeat(24), 404],
    ['an empty one', '', 404],
    ['a very long one', 'A'.repeat(101), 400],
    ['an operator', { $ne: null }, 400],
    ['none', undefined, 400],
  ])('%s is refused', async (_name, token, status) => {
    await ann.post('/auth/qr/scan', { token }).expect(status)
  })

  it('what has expired is told that it is not good', async () => {
    const browser = await aQrBrowser(app)
    await letExpire(app, browser)
    await scan(ann, browser).expect(404)
    expect(await browser.status()).toBe('expired')
  })

  it.each([
    ['approved', async () => anApproved(app, ann)],
    [
      'denied',
      async () => {
        const browser = await aScanned(app, ann)
        await deny(ann, browser).expect(204)
        return browser
      },
    ],
    [
      'used',
      async () => {
        const browser = await anApproved(app, ann)
        await browser.exchange().expect(200)
        return browser
      },
    ],
  ])('what was %s is told so, even its own', async (status, made) => {
    const browser = await made()
    await scan(ann, browser).expect(409)
    await scan(mallory, browser).expect(409)
    expect(await browser.status()).toBe(status)
  })

  it.each([
    ['another person’s', async () => mallory],
    ['another one of the same person', async () => anotherPhone(ann)],
  ])('second, %s, has the sign-in denied for both', async (_name, second) => {
    const browser = await aScanned(app, ann)
    await scan(await second(), browser).expect(409)
    expect(await browser.status()).toBe('denied')
    await approve(ann, browser).expect(409)
    await browser.exchange().expect(409)
    expect(await auditOf(browser.id)).toMatchObject([{ action: 'qr.denied', outcome: 'refused', detail: { reason: 'second_scan' } }])
  })

  it('at the same instant as 19 others is the only one, and all are denied', async () => {
    const phones = await Promise.all(Array.from({ length: 20 }, () => aPerson(app)))
    const browser = await aQrBrowser(app)
    const statuses = await Promise.all(phones.map(async (phone) => (await scan(phone, browser)).status))
    expect(statuses.filter((status) => status === 200)).toHaveLength(1)
    expect(statuses.filter((status) => status === 409)).toHaveLength(19)
    expect(await browser.status()).toBe('denied')
  })
})

describe('a phone that approves', () => {
  it('by the right number has the browser signed in', async () => {
    const browser = await aScanned(app, ann)
    await approve(ann, browser).expect(204)
    expect(await browser.status()).toBe('approved')
    expect(await auditOf(browser.id)).toMatchObject([
      { action: 'qr.approved', outcome: 'done', actor: { kind: 'user', id: ann.id }, detail: { browserIp: '127.0.0.1' } },
    ])
  })

  it('by a wrong number denies at once, for good', async () => {
    const browser = await aScanned(app, ann)
    const answer = await approve(ann, { id: browser.id, code: wrong(browser) }).expect(403)
    expect(answer.body).toMatchObject({ code: 'forbidden', detail: expect.stringContaining('denied') })
    expect(await browser.status()).toBe('denied')
    await approve(ann, browser).expect(409)
    await browser.exchange().expect(409)
    expect(await auditOf(browser.id)).toMatchObject([{ action: 'qr.denied', outcome: 'refused', detail: { reason: 'wrong_number' } }])
  })

  it.each([
    ['three digits', '123'],
    ['a number', 12],
    ['letters', 'ab'],
    ['an operator', { $ne: '' }],
    ['nothing', undefined],
  ])('by %s is asked again, and nothing is denied', async (_name, code) => {
    const browser = await aScanned(app, ann)
    await ann.post(`/auth/qr/${browser.id}/approve`, { code }).expect(400)
    expect(await browser.status()).toBe('scanned')
  })

  it('what another one has scanned is told that there is nothing', async () => {
    const browser = await aScanned(app, ann)
    await approve(mallory, browser).expect(404)
    await approve(mallory, { id: browser.id, code: wrong(browser) }).expect(404)
    await approve(await anotherPhone(ann), browser).expect(404)
    await deny(mallory, browser).expect(404)
    expect(await browser.status()).toBe('scanned')
  })

  it('what nobody has scanned, or what is not there, is told the same', async () => {
    const { id, code } = await aQrBrowser(app)
    await approve(ann, { id, code }).expect(404)
    await approve(ann, { id: new Types.ObjectId().toHexString(), code }).expect(404)
    await ann.post('/auth/qr/not-an-id/approve', { code }).expect(400)
  })

  it('too late does not', async () => {
    const browser = await aScanned(app, ann)
    await letExpire(app, browser)
    await approve(ann, browser).expect(409)
    expect(await browser.status()).toBe('expired')
    await browser.exchange().expect(409)
  })

  it('may do so again, with the right number', async () => {
    const browser = await anApproved(app, ann)
    await approve(ann, browser).expect(204)
    await approve(ann, { id: browser.id, code: wrong(browser) }).expect(409)
    await browser.exchange().expect(200)
    await approve(ann, browser).expect(204)
    expect(await browser.status()).toBe('used')
    expect((await auditOf(browser.id)).map(({ action }) => action)).toEqual(['qr.approved', 'qr.exchanged'])
  })

  it('and guesses at the same instant does one of the two', async () => {
    for (let n = 0; n < 5; n++) {
      const browser = await aScanned(app, ann)
      const guesses = ['10', '11', '12', '13', browser.code, '14', '15', '16'].map((code) =>
        ann.post(`/auth/qr/${browser.id}/approve`, { code }),
      )
      const statuses = (await Promise.all(guesses)).map(({ status }) => status)
      const approved = statuses.filter((status) => status === 204).length
      expect(await browser.status()).toBe(approved > 0 ? 'approved' : 'denied')
      expect(statuses.filter((status) => status === 403)).toHaveLength(approved > 0 ? 0 : 1)
    }
  })
})

describe('a phone that denies', () => {
  it('is obeyed, before and after it has approved', async () => {
    const [scanned, approved] = await Promise.all([aScanned(app, ann), anApproved(app, ann)])
    for (const browser of [scanned, approved]) {
      await deny(ann, browser).expect(204)
      await deny(ann, browser).expect(204)
      expect(await browser.status()).toBe('denied')
      await browser.exchange().expect(409)
      expect((await auditOf(browser.id)).at(-1)).toMatchObject({ action: 'qr.denied', outcome: 'done', detail: { reason: 'person' } })
    }
  })

  it('is told where it is too late', async () => {
    const browser = await anApproved(app, ann)
    await browser.exchange().expect(200)
    await deny(ann, browser).expect(409)
    expect(await browser.status()).toBe('used')
  })
})

describe('an exchange', () => {
  it('answers as a login does, with the browser’s device', async () => {
    const browser = await anApproved(app, ann)
    const { body } = await browser.exchange().expect(200)
    expect(body).toMatchObject({
      user: { id: ann.id, name: 'Ann' },
      expiresIn: 900,
      session: { device: { name: 'Firefox on Linux', platform: 'web' } },
    })
    const me = await app.request.get('/api/v1/users/me').auth(body.accessToken, { type: 'bearer' }).expect(200)
    expect(me.body.id).toBe(ann.id)
    await app.request.post('/api/v1/auth/refresh').send({ refreshToken: body.refreshToken }).expect(200)
    expect((await auditOf(browser.id)).at(-1)).toMatchObject({ action: 'qr.exchanged', actor: { id: ann.id }, origin: { ip: '127.0.0.1' } })
  })

  it('happens once, however many ask at once', async () => {
    const browser = await anApproved(app, ann)
    const before = await sessionsOf(ann)
    const statuses = await Promise.all(Array.from({ length: 20 }, async () => (await browser.exchange()).status))
    expect([statuses.filter((status) => status === 200).length, statuses.filter((status) => status === 409).length]).toEqual([1, 19])
    expect(await sessionsOf(ann)).toBe(before + 1)
    await browser.exchange().expect(409)
  })

  it('before the phone has approved is refused', async () => {
    const [pending, scanned] = [await aQrBrowser(app), await aScanned(app, ann)]
    await pending.exchange().expect(409)
    await scanned.exchange().expect(409)
  })

  it('may come a while after the approval, and no later', async () => {
    const [inTime, late] = await Promise.all([anApproved(app, ann), anApproved(app, ann)])
    const past = new Date(Date.now() - 1000)
    await challenges(app).updateOne({ _id: new Types.ObjectId(inTime.id) }, { $set: { expiresAt: past } })
    await inTime.exchange().expect(200)
    await letExpire(app, late)
    expect(await late.status()).toBe('expired')
    await late.exchange().expect(409)
  })

  it('waits for a lockdown’s end, like every sign-in', async () => {
    const browser = await anApproved(app, ann)
    await app.context.admission.lockDown()
    await vi.waitUntil(() => app.context.admission.closed, { timeout: 30_000 })
    const answer = await browser.exchange().expect(503)
    expect(answer.body.code).toBe('lockdown')
    await app.context.admission.reopen()
    await vi.waitUntil(() => !app.context.admission.closed, { timeout: 30_000 })
    await browser.exchange().expect(200)
  })

  it('is refused where the phone was signed out meanwhile', async () => {
    const phone = await aPerson(app)
    const browser = await anApproved(app, phone)
    await phone.post('/auth/logout', {}).expect(204)
    const before = await sessionsOf(phone)
    await browser.exchange().expect(409)
    expect(await sessionsOf(phone)).toBe(before)
  })
})

it('nothing that signs in is stored or logged as it is', async () => {
  const browser = await anApproved(app, ann)
  const stored = JSON.stringify(await challenges(app).findOne({ _id: new Types.ObjectId(browser.id) }))
  await app.request.get(`/api/v1/auth/qr/${browser.id}?verifier=${browser.verifier}`).expect(200)
  const { body } = await browser.exchange().expect(200)
  for (const secret of [browser.token, browser.verifier]) expect(stored).not.toContain(secret)
  const logs = app.logs.join('')
  expect(logs).toContain(`/api/v1/auth/qr/${browser.id}`)
  for (const secret of [browser.token, browser.verifier, body.accessToken, body.refreshToken]) expect(logs).not.toContain(secret)
})

it('challenges are removed by the database some time after their end', async () => {
  const indexes = await challenges(app).indexes()
  expect(indexes.find(({ name }) => name === 'expires_at')).toMatchObject({ key: { expiresAt: 1 }, expireAfterSeconds: 600 })
})

it('guessing is limited per address', async () => {
  const strict = await startTestApp({ LIMIT_QR: '4/h' })
  const phone = await aPerson(strict)
  const browser = await aQrBrowser(strict)
  const guess = () => strict.request.get(`/api/v1/auth/qr/${browser.id}?verifier=${aVerifier()}`)
  const statuses = [
    await guess(),
    await guess(),
    await scan(phone, { token: 'A'.repeat(24) }),
    await browser.exchange(),
    await guess(),
    await scan(phone, browser),
  ]
  expect(statuses.map(({ status }) => status)).toEqual([404, 404, 404, 429, 429, 429])
  await strict.close()
})
