import type { Test } from 'supertest'
import type { Person } from './people.js'
import { SseClient } from './sse-client.js'
import type { TestApp } from './test-app.js'

/** A session of somebody's, as their client knows it. */
export interface Session {
  readonly accessToken: string
  readonly refreshToken: string
  readonly sessionId: string
}

const deadlineMs = 30_000

/** Signs a person in once more. */
export const signIn = async (app: TestApp, { phone, password }: Pick<Person, 'phone' | 'password'>, device?: object): Promise<Session> => {
  const { body } = await app.request
    .post('/api/v1/auth/login')
    .send({ phone, password, ...(device && { device }) })
    .expect(200)
  return { accessToken: body.accessToken, refreshToken: body.refreshToken, sessionId: body.session.id }
}

const me = (app: TestApp, { accessToken }: Pick<Session, 'accessToken'>): Test =>
  app.request.get('/api/v1/users/me').auth(accessToken, { type: 'bearer' })

/** What a worker says to who asks with this session's access token: a problem's code; undefined where it is good. */
export const codeOfMe = async (app: TestApp, session: Pick<Session, 'accessToken'>): Promise<unknown> => (await me(app, session)).body.code

/** A session's stream that has begun. */
export const streamOf = async (app: TestApp, { accessToken }: Pick<Session, 'accessToken'>): Promise<SseClient> => {
  const stream = await SseClient.open(`${app.url}/sse`, { headers: { authorization: `Bearer ${accessToken}` } })
  await stream.waitFor(({ event }) => event === 'resume', deadlineMs)
  return stream
}
