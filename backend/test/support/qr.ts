import { createHash, randomBytes } from 'node:crypto'
import { Types } from 'mongoose'
import type { Test } from 'supertest'
import { afterwards } from './listening.js'
import type { Person } from './people.js'
import { SseClient } from './sse-client.js'
import type { TestApp } from './test-app.js'

/** What a browser shows while it waits to be signed in, and what it asks. */
export interface QrBrowser {
  readonly id: string
  readonly verifier: string
  readonly token: string
  readonly url: string
  readonly code: string
  readonly expiresAt: string
  status(at?: TestApp): Promise<string>
  exchange(verifier?: string, at?: TestApp): Test
  /** Its stream, at the same worker or another one. */
  listen(at?: TestApp): Promise<SseClient>
}

export const aVerifier = (): string => randomBytes(32).toString('base64url')
export const challengeOf = (verifier: string): string => createHash('sha256').update(verifier).digest('base64url')

/** A browser that has begun. */
export const aQrBrowser = async (app: TestApp, device: object = { name: 'Firefox on Linux', platform: 'web' }): Promise<QrBrowser> => {
  const verifier = aVerifier()
  const { body } = await app.request
    .post('/api/v1/auth/qr')
    .send({ challenge: challengeOf(verifier), device })
    .expect(201)
  return {
    ...body,
    verifier,
    status: async (at = app) => (await at.request.get(`/api/v1/auth/qr/${body.id}`).set('X-QR-Verifier', verifier).expect(200)).body.status,
    exchange: (given = verifier, at = app) => at.request.post(`/api/v1/auth/qr/${body.id}/exchange`).send({ verifier: given }),
    listen: async (at = app) => {
      const stream = await SseClient.open(`${at.url}/api/v1/auth/qr/${body.id}/events`, { headers: { 'x-qr-verifier': verifier } })
      afterwards(() => stream.close())
      return stream
    },
  }
}

export const scan = (phone: Person, { token }: Pick<QrBrowser, 'token'>): Test => phone.post('/auth/qr/scan', { token })
export const approve = (phone: Person, { id, code }: Pick<QrBrowser, 'id' | 'code'>): Test => phone.post(`/auth/qr/${id}/approve`, { code })
export const deny = (phone: Person, { id }: Pick<QrBrowser, 'id'>): Test => phone.post(`/auth/qr/${id}/deny`, {})

/** Another number than the browser's. */
export const wrong = ({ code }: Pick<QrBrowser, 'code'>): string => (code === '99' ? '10' : String(Number(code) + 1))

/** A browser whose QR picture a phone has scanned, and has approved where that is asked for. */
export const aScanned = async (app: TestApp, phone: Person): Promise<QrBrowser> => {
  const browser = await aQrBrowser(app)
  await scan(phone, browser).expect(200)
  return browser
}
export const anApproved = async (app: TestApp, phone: Person): Promise<QrBrowser> => {
  const browser = await aScanned(app, phone)
  await approve(phone, browser).expect(204)
  return browser
}

/** Sets a challenge's ends into the past: by the database's clock they are over. */
export const letExpire = (app: TestApp, { id }: Pick<QrBrowser, 'id'>) => {
  const past = new Date(Date.now() - 60_000)
  return challenges(app).updateOne({ _id: new Types.ObjectId(id) }, [
    { $set: { expiresAt: past, exchangeBy: { $cond: [{ $gt: ['$exchangeBy', null] }, past, '$$REMOVE'] } } },
  ])
}

export const challenges = (app: TestApp) => app.context.mongo.connection.collection('qr_challenges')
