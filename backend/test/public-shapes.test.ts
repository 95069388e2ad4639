import { Secret, TOTP } from 'otpauth'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openApiDocument } from '../src/openapi.js'
import type { EventType } from '../src/realtime/catalogue.js'
import { anAdmin } from './support/administrators.js'
import { aCode } from './support/codes.js'
import { eventTypes } from './support/event-types.js'
import { openStream } from './support/message-stream.js'
import { aDirectConversation, aGroup, aPassword, aPerson, aPhone, type Person } from './support/people.js'
import { aQrBrowser, scan } from './support/qr.js'
import { shapeOf } from './support/shapes.js'
import { dataOf } from './support/streams.js'
import { startTestApp, type TestApp } from './support/test-app.js'
import { announcing, put } from './support/uploads.js'

// A snapshot that changes is a change of the contract with clients: it is to be seen in review, and told in CHANGELOG.md.

let app: TestApp
beforeAll(async () => {
  app = await startTestApp({ APP_VERSION: '1.2.3' })
})
afterAll(() => app.close())

const deadline = { timeout: 30_000 }
const ask = (method: 'get' | 'post', path: string, body: object = {}) => app.request[method](`/api/v1${path}`).send(body)
const firstOf = ({ body }: { body: { items: unknown[] } }): unknown => body.items[0]
/** The part of an answer. */
const within = (answer: unknown, name: string): unknown => (answer as Record<string, unknown>)[name]

const aConversation = async () => {
  const { owner, members, conversation } = await aGroup(app, 3)
  const [, bob, carol] = members
  if (!bob || !carol) throw new Error('three were made')
  return { owner, bob, carol, id: conversation.id, path: `/conversations/${conversation.id}` }
}

/** Resolves when a conversation is known to have come to a seq: what depends on it is the same each time then. */
const hasSeq = (person: Person, path: string, seq: number) =>
  expect.poll(async () => (await person.get(path).expect(200)).body.lastSeq, deadline).toBe(seq)

/** A reply that mentions somebody, edited, to which two have reacted; seen by the one who wrote it. */
const aRichMessage = async () => {
  const { owner, bob, carol, id } = await aConversation()
  const { body: first } = await owner.send(id, { text: 'The mirror on the hill' }).expect(201)
  const mentions = [{ userId: owner.id, offset: 0, length: 6 }]
  const { body: reply } = await bob.send(id, { text: '@Owner I see it', replyTo: first.id, mentions }).expect(201)
  await bob.patch(`/messages/${reply.id}`, { text: '@Owner I see it now' }).expect(200)
  for (const who of [bob, carol]) await who.put(`/messages/${reply.id}/reactions/${encodeURIComponent('👍')}`).expect(200)
  const { body: message } = await bob.get(`/messages/${reply.id}`).expect(200)
  return { owner, bob, carol, id, message }
}

const aForwarded = async () => {
  const { owner, id } = await aConversation()
  const { body: first } = await owner.send(id, { text: 'Tell the others' }).expect(201)
  return (await owner.send(id, { forwardOf: first.id }).expect(201)).body
}

/** Of bytes that are always the same. */
const announced = announcing(new Uint8Array(100))

const aReadyUpload = async (ann: Person) => {
  const { body: begun } = await ann.post('/uploads', announced).expect(201)
  const { pathname, search } = new URL(begun.upload.url) // whose port was not known to what signed it
  expect((await put({ ...begun.upload, url: app.url + pathname + search }, new Uint8Array(100))).ok).toBe(true)
  return (await ann.post(`/uploads/${begun.id}/complete`, {}).expect(200)).body
}

const withTotp = async () => {
  const ann = await aPerson(app)
  const { body: begun } = await ann.post('/auth/totp', { password: ann.password }).expect(200)
  const code = new TOTP({ secret: Secret.fromBase32(begun.secret) }).generate()
  return { begun, confirmed: (await ann.post('/auth/totp/confirm', { code }).expect(200)).body }
}

const aServiceKey = async () => {
  const admin = await anAdmin(app)
  const { body: key } = await admin.post('/admin/api-keys', { name: 'Nightly report', scopes: ['audit'] }).expect(201)
  return { admin, key }
}

const aReport = async () => {
  const { ann, bob, conversation } = await aDirectConversation(app)
  const { body: message } = await bob.send(conversation.id, { text: 'buy mirrors' }).expect(201)
  const { body } = await ann.post('/reports', { messageId: message.id, reason: 'spam', text: 'again' }).expect(201)
  return { admin: await anAdmin(app), made: body }
}

/** A real answer of each thing that the OpenAPI document has a name for. */
const answers: Readonly<Record<string, () => Promise<unknown>>> = {
  Health: async () => (await app.request.get('/health').expect(200)).body,
  Problem: async () => (await ask('post', '/auth/register', { phone: 'x' }).expect(400)).body,
  ClientConfig: async () => {
    const { limits, ...config } = (await ask('get', '/config').expect(200)).body
    return { ...config, limits: limits.slice(0, 1) }
  },
  SignedIn: async () => (await ask('post', '/auth/register', { phone: aPhone(), password: aPassword(), name: 'Ann' }).expect(201)).body,
  Me: async () => (await (await aPerson(app)).get('/users/me').expect(200)).body,
  Session: async () => firstOf(await (await aPerson(app)).get('/sessions').expect(200)),
  TotpBegun: async () => {
    const { url, ...begun } = (await withTotp()).begun
    return { ...begun, url: url.replace(/secret=\w+/, 'secret=SECRET').replaceAll(/%2B\d+/g, 'PHONE') }
  },
  TotpConfirmed: async () => (await withTotp()).confirmed,
  Tokens: async () => (await ask('post', '/auth/refresh', { refreshToken: (await aPerson(app)).refreshToken }).expect(200)).body,
  CodeStarted: async () => (await ask('post', '/auth/otp/start', { phone: aPhone() }).expect(202)).body,
  PhoneProved: async () => {
    const phone = aPhone()
    return (await ask('post', '/auth/otp/verify', { phone, code: await aCode(app, phone) }).expect(200)).body
  },
  ServiceToken: async () => (await ask('post', '/auth/token', { apiKey: (await aServiceKey()).key.apiKey }).expect(200)).body,
  CreatedApiKey: async () => {
    const { prefix, ...key } = (await aServiceKey()).key
    return { ...key, prefix: prefix.replace(/^hgk_.*/, '<prefix>') }
  },
  ApiKey: async () => {
    const { prefix, ...key } = firstOf(await (await aServiceKey()).admin.get('/admin/api-keys').expect(200)) as { prefix: string }
    return { ...key, prefix: prefix.replace(/^hgk_.*/, '<prefix>') }
  },
  QrChallenge: async () => {
    const { id, token, url, code, expiresAt } = await aQrBrowser(app)
    return { id, token, url: url.replace(token, '<token>'), code: code.replace(/^\d\d$/, '<two digits>'), expiresAt }
  },
  QrStatus: async () => {
    const { id, verifier } = await aQrBrowser(app)
    return (await ask('get', `/auth/qr/${id}?verifier=${verifier}`).expect(200)).body
  },
  ScannedQr: async () => {
    const { choices, ...scanned } = (await scan(await aPerson(app), await aQrBrowser(app)).expect(200)).body
    return { ...scanned, choices: choices.map((code: string) => code.replace(/^\d\d$/, '<two digits>')) }
  },
  Export: async () => {
    const ann = await aPerson(app)
    const { body: begun } = await ann.post('/users/me/export', {}).expect(202)
    const get = async () => (await ann.get(`/users/me/export/${begun.id}`).expect(200)).body
    await expect.poll(async () => (await get()).status, deadline).toBe('ready')
    const { size, ...done } = await get()
    return { ...done, size: typeof size }
  },
  Conversation: async () => {
    const { id, bob } = await aRichMessage()
    await bob.put(`/conversations/${id}/settings`).send({ pinned: true }).expect(200)
    const get = async () => (await bob.get(`/conversations/${id}`).expect(200)).body
    await expect.poll(async () => (await get()).lastSeq, deadline).toBe(2)
    return get()
  },
  Member: async () => {
    const { owner, path } = await aConversation()
    return firstOf(await owner.get(`${path}/members`).expect(200))
  },
  Message: async () => (await aRichMessage()).message,
  Attachment: async () => {
    const { ann, conversation } = await aDirectConversation(app)
    const { id } = await aReadyUpload(ann)
    const { body } = await ann.send(conversation.id, { text: 'look', attachments: [id] }).expect(201)
    return body.attachments[0]
  },
  Upload: async () => aReadyUpload(await aPerson(app)),
  BegunUpload: async () => {
    const { id, upload } = (await (await aPerson(app)).post('/uploads', announced).expect(201)).body
    return { id, upload: { ...upload, url: typeof upload.url } }
  },
  Quote: async () => within((await aRichMessage()).message, 'replyTo'),
  Forward: async () => within(await aForwarded(), 'forwardOf'),
  Mention: async () => within((await aRichMessage()).message, 'mentions'),
  Invite: async () => {
    const { owner, path } = await aConversation()
    const { code, url, ...invite } = (await owner.post(`${path}/invites`, { maxUses: 3 }).expect(201)).body
    return { ...invite, code, url: url.replace(code, '<code>') }
  },
  FormerText: async () => {
    const { bob, message } = await aRichMessage()
    return firstOf(await bob.get(`/messages/${message.id}/history`).expect(200))
  },
  MessageReceipts: async () => {
    const { owner, bob, message } = await aRichMessage()
    await owner.post(`/conversations/${message.conversationId}/receipts`, { readSeq: 2 }).expect(204)
    return (await bob.get(`/messages/${message.id}/receipts`).expect(200)).body
  },
  Ticket: async () => (await (await aPerson(app)).post('/sse/ticket', {}).expect(201)).body,
  AdminUser: async () => {
    const { phone } = await aPerson(app)
    return firstOf(await (await anAdmin(app)).get('/admin/users').query({ q: phone }).expect(200))
  },
  AuditEntry: async () => {
    const { admin } = await aReport()
    return firstOf(await admin.get('/admin/audit?action=report.made').expect(200))
  },
  Stats: async () => (await (await anAdmin(app)).get('/admin/stats').expect(200)).body,
  ConversationCheck: async () => {
    const { id } = await aConversation()
    return (await (await anAdmin(app)).post(`/admin/conversations/${id}/check`, {}).expect(200)).body
  },
  User: async () => {
    const { ann, bob } = await aDirectConversation(app)
    return (await ann.get(`/users/${bob.id}`).expect(200)).body
  },
  UserWithPresence: async () => {
    const { ann, bob } = await aDirectConversation(app)
    return firstOf(await ann.post('/users/batch', { ids: [bob.id] }).expect(200))
  },
  Block: async () => {
    const { ann, bob } = await aDirectConversation(app)
    await ann.put(`/blocks/${bob.id}`).expect(204)
    return firstOf(await ann.get('/blocks').expect(200))
  },
  MadeReport: async () => (await aReport()).made,
  Report: async () => firstOf(await (await aReport()).admin.get('/admin/reports').expect(200)),
}
const ofNumbers = new Set(['Stats'])

describe('what a client sees', () => {
  it('has a snapshot, whatever has a name in the OpenAPI document', () => {
    const named = Object.keys(openApiDocument({ publicUrl: 'https://chat.example.com', version: '1' }).components?.schemas ?? {})
    expect(Object.keys(answers).toSorted()).toEqual(named.toSorted())
  })

  it.each(Object.entries(answers))('of %s is what it was', async (name, answer) => {
    expect(shapeOf(await answer(), { numbers: ofNumbers.has(name) })).toMatchSnapshot()
  })
})

describe('what a client sees of a message', () => {
  it('that is plain is what it was', async () => {
    const { owner, id } = await aConversation()
    expect(shapeOf((await owner.send(id, { text: 'hello' }).expect(201)).body)).toMatchSnapshot()
  })

  it('that was forwarded is what it was', async () => {
    expect(shapeOf(await aForwarded())).toMatchSnapshot()
  })

  it('that is deleted for all, or for oneself, is its place and nothing else', async () => {
    const { owner, bob, message } = await aRichMessage()
    expect(shapeOf((await owner.delete(`/messages/${message.id}?scope=me`).expect(200)).body)).toMatchSnapshot('for oneself')
    expect(shapeOf((await bob.delete(`/messages/${message.id}?scope=all`).expect(200)).body)).toMatchSnapshot('for all')
  })

  it('of the conversation’s own is what it was', async () => {
    const { owner, bob, path } = await aConversation()
    await owner.patch(path, { name: 'The valley' }).expect(200)
    await hasSeq(owner, path, 1)
    await owner.delete(`${path}/members/${bob.id}`).expect(204)
    const list = async (): Promise<object[]> => (await owner.get(`${path}/messages`).expect(200)).body.items
    await expect.poll(async () => (await list()).length, deadline).toBe(2)
    expect(shapeOf(await list())).toMatchSnapshot()
  })

  it('is on a page as it is alone', async () => {
    const { bob, id, message } = await aRichMessage()
    const { items } = (await bob.get(`/conversations/${id}/messages`).expect(200)).body
    expect(items[1]).toEqual(message)
    expect(firstOf(await bob.get('/messages/search?q=see').expect(200))).toEqual(message)
  })
})

describe('what a client sees of a direct conversation, and of what has changed', () => {
  it('is what it was', async () => {
    const { ann, conversation } = await aDirectConversation(app)
    expect(shapeOf(conversation)).toMatchSnapshot('direct')
    const { cursor, ...changes } = (await ann.get('/sync').expect(200)).body
    expect(cursor).toEqual(expect.any(String))
    expect(shapeOf(changes)).toMatchSnapshot('/sync')
  })
})

/** Something of everything happens to somebody, whose last sessions ends by it. */
const muchHappensTo = async (ann: Person, isTold: (kind: EventType) => Promise<unknown>): Promise<void> => {
  const { owner, bob, carol, id, path } = await aConversation()
  await owner.post(`${path}/members`, { userIds: [ann.id] }).expect(200)
  await hasSeq(owner, path, 1) // what the conversation says of it by itself comes later, and takes a seq
  const { body: message } = await bob.send(id, { text: 'hello' }).expect(201)
  await bob.patch(`/messages/${message.id}`, { text: 'hello all' }).expect(200)
  await carol.put(`/messages/${message.id}/reactions/${encodeURIComponent('👍')}`).expect(200)
  await carol.delete(`/messages/${message.id}/reactions/${encodeURIComponent('👍')}`).expect(200)
  for (const kind of ['message.updated', 'reaction.added', 'reaction.removed'] as const) await isTold(kind) // nothing is, once it is deleted
  await bob.delete(`/messages/${message.id}?scope=all`).expect(200)
  await hasSeq(owner, path, 2)
  await owner.patch(path, { name: 'The valley' }).expect(200)
  await hasSeq(owner, path, 3)
  await owner.patch(`${path}/members/${bob.id}`, { role: 'admin' }).expect(200)
  await carol.post(`${path}/receipts`, { readSeq: 1 }).expect(204)
  await ann.patch('/users/me', { about: 'On the hill' }).expect(200)
  await ann.put(`/blocks/${carol.id}`).expect(204)
  await owner.delete(`${path}/members/${bob.id}`).expect(204)
  await hasSeq(owner, path, 4)
  await owner.delete(path).expect(204)
  await aReadyUpload(ann)
  await ann.post('/users/me/export', {}).expect(202)
}

describe('what a stream tells', () => {
  it('of each kind of event is what it was', async () => {
    const ann = await aPerson(app)
    const stream = await openStream(app, ann)
    await muchHappensTo(ann, (kind) => stream.waitFor(({ event }) => event === kind, deadline.timeout))
    await aGroup(app, 2, ann)
    const missing = () => Object.keys(eventTypes).filter((kind) => kind !== 'session.revoked' && dataOf(stream, kind).length === 0)
    await expect.poll(missing, deadline).toEqual([])
    await ann.post('/auth/logout', {}).expect(204)
    await expect.poll(() => dataOf(stream, 'session.revoked').length, deadline).toBe(1)
    for (const kind of Object.keys(eventTypes)) {
      const [first] = dataOf(stream, kind)
      const told = kind === 'export.ready' ? JSON.parse(JSON.stringify(first).replace(/"size":\d+/, '"size":"<number>"')) : first
      expect(shapeOf(told)).toMatchSnapshot(kind)
    }
  })
})
