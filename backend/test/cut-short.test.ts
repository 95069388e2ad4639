import { Secret, TOTP } from 'otpauth'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { signedInAgain } from './support/administrators.js'
import { codeIn } from './support/codes.js'
import { aPassword, aPerson, type Person } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterEach(() => vi.restoreAllMocks())
afterAll(() => app.close())

const post = (path: string, body: object) => app.request.post(`/api/v1${path}`).send(body)
const login = (phone: string, password: string) => post('/auth/login', { phone, password })
/** 200 where a session still goes on. */
const goesOn = async ({ refreshToken }: Person): Promise<number> => (await post('/auth/refresh', { refreshToken })).status

interface Change {
  readonly what: string
  /** Whether the one who asks is left in. */
  readonly keepsOwn: boolean
  /** Makes all ready, and gives what does it. */
  readonly prepare: (ann: Person) => Promise<(newPassword: string) => Promise<{ status: number }>>
  readonly isDone: (ann: Person, newPassword: string) => Promise<boolean>
}

const opensBy = async ({ phone }: Person, password: string): Promise<boolean> => (await login(phone, password)).status === 200
const changes: readonly Change[] = [
  {
    what: 'a change of the password',
    keepsOwn: true,
    prepare: async (ann) => async (newPassword) => ann.put('/auth/password').send({ currentPassword: ann.password, newPassword }),
    isDone: opensBy,
  },
  {
    what: 'a password that is reset',
    keepsOwn: false,
    prepare: async ({ phone }) => {
      await app.context.mongo.connection.collection('users').updateOne({ phone }, { $set: { phoneVerifiedAt: new Date() } }) // else the proof itself ends sessions
      await post('/auth/password/forgot', { phone }).expect(202)
      const code = codeIn(app, phone)
      return async (newPassword) => post('/auth/password/reset', { phone, code, newPassword })
    },
    isDone: opensBy,
  },
  {
    what: 'an authenticator that is set up',
    keepsOwn: true,
    prepare: async (ann) => {
      const { body } = await ann.post('/auth/totp', { password: ann.password }).expect(200)
      return async () => ann.post('/auth/totp/confirm', { code: new TOTP({ secret: Secret.fromBase32(body.secret) }).generate() })
    },
    isDone: async ({ phone, password }) => (await login(phone, password)).body.code === 'totp_required',
  },
]

describe.each(changes)('$what', ({ keepsOwn, prepare, isDone }) => {
  const aTheft = async () => {
    const ann = await aPerson(app)
    const thief = await signedInAgain(app, ann)
    return { ann, thief, change: await prepare(ann) }
  }

  /** It is answered as a fault, and is done. */
  const failsDone = async ({ ann, thief, change }: Awaited<ReturnType<typeof aTheft>>, newPassword: string) => {
    expect((await change(newPassword)).status).toBe(500)
    vi.restoreAllMocks()
    expect(await isDone(ann, newPassword)).toBe(true)
    expect([await goesOn(thief), await goesOn(ann)]).toEqual([401, keepsOwn ? 200 : 401])
  }

  it('leaves no other session where the process dies once it is done', async () => {
    const theft = await aTheft()
    const newPassword = aPassword()
    const { sessions, audit } = app.context
    const end = sessions.revokeAll.bind(sessions)
    let isOver = false
    vi.spyOn(sessions, 'revokeAll').mockImplementation(async (...parameters) => {
      isOver ||= await isDone(theft.ann, newPassword)
      if (isOver) throw new Error('The process has died')
      return end(...parameters)
    })
    const record = audit.record.bind(audit)
    vi.spyOn(audit, 'record').mockImplementation(async (entry) => {
      if (isOver) throw new Error('The process has died')
      return record(entry)
    })
    await failsDone(theft, newPassword)
  })

  it('is whole where it cannot be recorded', async () => {
    const theft = await aTheft()
    const { audit } = app.context
    const record = audit.record.bind(audit)
    const done = new Set(['password.changed', 'password.reset', 'totp.enabled'])
    vi.spyOn(audit, 'record').mockImplementation(async (entry) => {
      if (done.has(entry.action)) throw new Error('The database is away')
      return record(entry)
    })
    await failsDone(theft, aPassword())
  })

  it('leaves no session to who signs in just before it', async () => {
    const { ann, thief, change } = await aTheft()
    const { sessions } = app.context
    const end = sessions.revokeAll.bind(sessions)
    const late: Person[] = []
    vi.spyOn(sessions, 'revokeAll').mockImplementationOnce(async (...parameters) => {
      const ended = await end(...parameters)
      late.push(await signedInAgain(app, ann))
      return ended
    })
    expect((await change(aPassword())).status).toBeLessThan(300)
    expect(await Promise.all([thief, ...late].map(goesOn))).toEqual([401, 401])
    expect(await goesOn(ann)).toBe(keepsOwn ? 200 : 401)
  })
})
