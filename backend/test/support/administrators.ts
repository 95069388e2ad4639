import { Types } from 'mongoose'
import { expect } from 'vitest'
import type { AuditDocument } from '../../src/features/audit/index.js'
import { aPerson, type Person } from './people.js'
import type { TestApp } from './test-app.js'

/** A person as an administrator, signed in as one. */
export const anAdmin = async (app: TestApp, options?: { readonly name?: string }): Promise<Person> => {
  const person = await aPerson(app, options)
  await app.context.mongo.connection.collection('users').updateOne({ _id: new Types.ObjectId(person.id) }, { $set: { role: 'admin' } })
  return signedInAgain(app, person)
}

/** The same person, in a session of now. */
export const signedInAgain = async (app: TestApp, person: Person): Promise<Person> => {
  const { phone, password } = person
  const { body } = await app.request.post('/api/v1/auth/login').send({ phone, password }).expect(200)
  const { accessToken, refreshToken } = body
  const bearer = { type: 'bearer' } as const
  return {
    ...person,
    accessToken,
    refreshToken,
    get: (path) => app.request.get(`/api/v1${path}`).auth(accessToken, bearer),
    post: (path, content) => app.request.post(`/api/v1${path}`).auth(accessToken, bearer).send(content),
    patch: (path, content) => app.request.patch(`/api/v1${path}`).auth(accessToken, bearer).send(content),
    put: (path) => app.request.put(`/api/v1${path}`).auth(accessToken, bearer),
    delete: (path) => app.request.delete(`/api/v1${path}`).auth(accessToken, bearer),
  }
}

/** What the audit log holds of an action, oldest first. */
export const auditOf = (app: TestApp, action: string): Promise<AuditDocument[]> =>
  app.context.mongo.connection.collection<AuditDocument>('audit').find({ action }).sort({ at: 1, _id: 1 }).toArray()

/** Resolves in the next second: a session that begins then is told from those that were ended in this one. */
export const theNextSecond = async (): Promise<void> => {
  const second = Math.floor(Date.now() / 1000)
  await expect.poll(() => Math.floor(Date.now() / 1000), { interval: 20 }).toBeGreaterThan(second)
}
