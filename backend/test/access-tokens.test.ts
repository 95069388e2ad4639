import { generateKeyPairSync, randomBytes } from 'node:crypto'
import jwt from 'jsonwebtoken'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aPerson, type Person } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
let ann: Person
beforeAll(async () => {
  app = await startTestApp()
  ann = await aPerson(app)
})
afterAll(() => app.close())

const ask = (authorization?: string) => {
  const asked = app.request.get('/api/v1/users/me')
  return authorization === undefined ? asked : asked.set('Authorization', authorization)
}
const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

const headerOf = (token: string): { kid: string } => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString())

/** A token as the server makes it, but for what is given. */
const aToken = (claims: object = {}, options: jwt.SignOptions = {}, key: jwt.Secret = app.secret): string =>
  jwt.sign({ sid: 'f'.repeat(24), sub: ann.id, iss: 'heliograph', aud: 'heliograph', ...claims }, key, {
    expiresIn: 60,
    keyid: headerOf(ann.accessToken).kid,
    ...options,
  })

const whose = ({ id }: Person): jwt.SignOptions => ({ subject: id, issuer: 'heliograph', audience: 'heliograph' })

describe('an access token', () => {
  it('lets its person in', async () => {
    await ask(`Bearer ${ann.accessToken}`).expect(200)
    await ask(`Bearer ${aToken()}`).expect(200) // so that each refusal below has the one reason that it names
  })

  it('may be written after any form of "Bearer"', async () => {
    await ask(`bearer  ${ann.accessToken}`).expect(200)
  })

  it('says of itself whose it is, for how long, and nothing else', () => {
    const claims = jwt.decode(ann.accessToken)
    expect(claims).toEqual({
      sub: ann.id,
      sid: expect.stringMatching(/^[0-9a-f]{24}$/),
      iss: 'heliograph',
      aud: 'heliograph',
      iat: expect.any(Number),
      exp: expect.any(Number),
    })
    expect(claims).toMatchObject({ exp: Number(Object(claims).iat) + 900 })
  })

  it('that has expired is told apart, so that a client knows to refresh', async () => {
    const answer = await ask(`Bearer ${aToken({}, { expiresIn: -1 })}`).expect(401)
    expect(answer.body.code).toBe('token_expired')
  })

  const publicKey = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const refused: [string, () => string | undefined][] = [
    ['nothing', () => undefined],
    ['an empty header', () => ''],
    ['Basic', () => 'Basic YW5uOnBhc3N3b3Jk'],
    [
      'a token without an end',
      () =>
        `Bearer ${jwt.sign({ sid: 'f'.repeat(24), sub: ann.id, iss: 'heliograph', aud: 'heliograph' }, app.secret, { keyid: headerOf(ann.accessToken).kid })}`,
    ],
    ['Bearer alone', () => 'Bearer'],
    ['no token at all', () => 'Bearer not-a-token'],
    ['two tokens', () => `Bearer ${ann.accessToken}, Bearer ${ann.accessToken}`],
    ['a changed signature', () => `Bearer ${ann.accessToken.slice(0, -4)}AAAA`],
    ['no signature', () => `Bearer ${ann.accessToken.split('.').slice(0, 2).join('.')}.`],
    [
      'changed claims',
      () =>
        `Bearer ${ann.accessToken.replace(/\.[^.]+\./, `.${encoded({ ...Object(jwt.decode(ann.accessToken)), sub: '1'.repeat(24) })}.`)}`,
    ],
    ['another key', () => `Bearer ${aToken({}, {}, 'another-secret-of-the-same-length-0123456789')}`],
    ['alg none', () => `Bearer ${encoded({ alg: 'none', typ: 'JWT' })}.${ann.accessToken.split('.')[1]}.`],
    ['alg none, with the old signature', () => `Bearer ${encoded({ alg: 'none' })}.${ann.accessToken.split('.').slice(1).join('.')}`],
    ['no key’s name', () => `Bearer ${jwt.sign({ sid: 'f'.repeat(24) }, app.secret, { expiresIn: 60, ...whose(ann) })}`],
    ['the name of a key that nobody has', () => `Bearer ${aToken({}, { keyid: 'AAAAAAAA' })}`],
    ['another field in its header', () => `Bearer ${aToken({}, { header: { alg: 'HS256', cty: 'JWT' } })}`],
    ['alg HS512', () => `Bearer ${aToken({}, { algorithm: 'HS512' })}`],
    ['alg RS256', () => `Bearer ${aToken({}, { algorithm: 'RS256' }, publicKey.privateKey)}`],
    [
      'alg RS256 in the header of an HS256 token',
      () => `Bearer ${encoded({ alg: 'RS256', typ: 'JWT' })}.${ann.accessToken.split('.').slice(1).join('.')}`,
    ],
    ['another issuer', () => `Bearer ${aToken({ iss: 'somebody' })}`],
    ['no issuer', () => `Bearer ${aToken({ iss: undefined })}`],
    ['another audience', () => `Bearer ${aToken({ aud: 'somewhere' })}`],
    ['no audience', () => `Bearer ${aToken({ aud: undefined })}`],
    ['no session', () => `Bearer ${aToken({ sid: undefined })}`],
    ['a session that is no text', () => `Bearer ${aToken({ sid: { $gt: '' } })}`],
    ['no person', () => `Bearer ${aToken({ sub: undefined })}`],
    ['a time to come', () => `Bearer ${aToken({}, { notBefore: 60 })}`],
  ]
  it.each(refused)('with %s is refused', async (_name, authorization) => {
    const answer = await ask(authorization()).expect(401)
    expect(answer.body).toMatchObject({ code: 'unauthenticated', title: 'Sign in first' })
    expect(answer.body.detail).toBe(answer.body.title) // why, is for the log
    expect(answer.headers['www-authenticate']).toBe('Bearer')
  })

  it('is not taken from the query', async () => {
    await app.request.get(`/api/v1/users/me?access_token=${ann.accessToken}`).expect(401)
  })

  it('whose person is gone finds nobody', async () => {
    await ask(`Bearer ${aToken({ sub: 'f'.repeat(24) })}`).expect(404)
  })
})

describe('the keys of access tokens', () => {
  const aSecret = () => randomBytes(48).toString('base64')
  const statusOf = async (worker: TestApp, accessToken: string): Promise<number> =>
    (await worker.request.get('/api/v1/users/me').auth(accessToken, { type: 'bearer' })).status
  const aWorker = (secret: string, previous = '') =>
    startTestApp({ MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: secret, JWT_PREVIOUS_SECRETS: previous })

  it('rotate: one signs, those before it still verify, until they are taken out', async () => {
    const [next, last] = [aSecret(), aSecret()]
    const second = await aWorker(next, app.secret)
    const third = await aWorker(last, `${next}, ${app.secret}`)
    const without = await aWorker(last, next)
    const [bob, cid] = [await aPerson(second), await aPerson(third)]
    expect(new Set([ann, bob, cid].map(({ accessToken }) => headerOf(accessToken).kid)).size).toBe(3)
    const statuses = async (worker: TestApp) => Promise.all([ann, bob, cid].map(({ accessToken }) => statusOf(worker, accessToken)))
    expect(await statuses(app)).toEqual([200, 401, 401])
    expect(await statuses(second)).toEqual([200, 200, 401])
    expect(await statuses(third)).toEqual([200, 200, 200])
    expect(await statuses(without)).toEqual([401, 200, 200])
    await Promise.all([second, third, without].map((worker) => worker.close()))
  })

  it('are told apart by a name that says nothing of them', () => {
    const { kid } = headerOf(ann.accessToken)
    expect(kid).toMatch(/^[\w-]{8}$/)
    expect(app.secret).not.toContain(kid)
  })

  it('do not sign for each other: a token of one under the name of another is refused', async () => {
    const previous = aSecret()
    const worker = await aWorker(app.secret, previous)
    expect(await statusOf(worker, aToken())).toBe(200)
    expect(await statusOf(worker, aToken({}, {}, previous))).toBe(401)
    await worker.close()
  })
})
