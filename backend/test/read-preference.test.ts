import type { Model, mongo, QueryFilter } from 'mongoose'
import { describe, expect, it } from 'vitest'
import { type MessageDocument, messageSchema } from '../src/features/messages/index.js'
import { SearchService } from '../src/features/search/index.js'
import { SearchMessages } from '../src/features/search/schema.js'
import { readPreferences } from '../src/platform/read-preference.js'
import { anAdmin } from './support/administrators.js'
import { faultsOf, read } from './support/configuration.js'
import { listEndpoints } from './support/list-endpoints.js'
import { anApp, aStream } from './support/listening.js'
import { aDirectConversation, aPerson } from './support/people.js'
import { signIn } from './support/sessions.js'
import type { TestApp } from './support/test-app.js'

const deadlineMs = 30_000

/** Which collections the commands that are sent meanwhile read elsewhere than from the primary, and how. */
const elsewhereOf = async (app: TestApp, act: () => PromiseLike<unknown>): Promise<string[]> => {
  const client = app.context.mongo.connection.getClient()
  const seen: string[] = []
  const note = ({ commandName, command }: mongo.CommandStartedEvent): void => {
    const mode: string = command['$readPreference']?.mode ?? 'primary'
    if (mode !== 'primary') seen.push(`${commandName} ${command[commandName]}: ${mode}`)
  }
  client.on('commandStarted', note)
  await act()
  client.off('commandStarted', note)
  return [...new Set(seen)]
}

/** The lists that may be behind, and what of them is read so. */
const mayBeBehind: Readonly<Record<string, string>> = {
  'GET /messages/search': 'find messages',
  'GET /admin/users': 'find users',
  'GET /admin/reports': 'find reports',
}

/** Every list that the API has, each asked once. */
const allLists = async (app: TestApp): Promise<Record<string, string[]>> => {
  const admin = await anAdmin(app)
  const bob = await aPerson(app)
  const { body: conversation } = await admin.post('/conversations', { type: 'group', name: 'The hill', memberIds: [bob.id] }).expect(201)
  const { body: message } = await admin.send(conversation.id, { text: 'hello' }).expect(201)
  await bob.post('/reports', { messageId: message.id, reason: 'spam' }).expect(201)
  const entries: [string, string[]][] = []
  for (const { name } of listEndpoints) {
    const path = name.replace('GET ', '').replace(':conversationId', conversation.id).replace(':messageId', message.id)
    const query = name === 'GET /messages/search' ? 'q=hello' : name === 'GET /users' ? 'q=ann' : ''
    entries.push([name, await elsewhereOf(app, () => admin.get(`${path}?${query}`).expect(200))])
  }
  return Object.fromEntries(entries)
}

describe('MONGO_READ_PREFERENCE', () => {
  it('is primary where it is not set, for every list', async () => {
    const read = await allLists(await anApp())
    expect(Object.values(read).flat()).toEqual([])
  })

  it.each(['secondaryPreferred', 'nearest'])('%s is heeded by the lists that may be behind, and by no other', async (mode) => {
    const read = await allLists(await anApp({ MONGO_READ_PREFERENCE: mode }))
    expect(Object.keys(read)).toEqual(expect.arrayContaining(Object.keys(mayBeBehind)))
    const expected = Object.keys(read).map((name) => [name, name in mayBeBehind ? [`${mayBeBehind[name]}: ${mode}`] : []])
    expect(Object.entries(read)).toEqual(expected)
  })

  it('changes nothing of how people sign in, send, fetch, hear and come back', async () => {
    const app = await anApp({ MONGO_READ_PREFERENCE: 'secondaryPreferred' })
    const elsewhere = await elsewhereOf(app, async () => {
      const { ann, bob, conversation } = await aDirectConversation(app)
      const stream = await aStream(bob, app)
      const { body: message } = await ann.send(conversation.id, {}).expect(201)
      const told = await stream.waitFor(({ event }) => event === 'message.created', deadlineMs)
      await stream.close()
      await ann.patch(`/messages/${message.id}`, { text: 'hello again' }).expect(200)
      const resumed = await aStream(bob, app, told.id)
      await ann.send(conversation.id, {}).expect(201)
      await resumed.waitFor(({ event }) => event === 'message.created', deadlineMs)
      await bob.get(`/messages/${message.id}`).expect(200)
      await bob.get(`/conversations/${conversation.id}`).expect(200)
      await signIn(app, ann)
      await app.request.post('/api/v1/auth/refresh').send({ refreshToken: bob.refreshToken }).expect(200)
    })
    expect(elsewhere).toEqual([])
  })

  it.each(readPreferences)('may be %s', (mode) => {
    expect(read({ MONGO_READ_PREFERENCE: mode }).mongo.listReadPreference).toBe(mode)
  })

  it('may be nothing else, and MONGO_URI has none of its own', () => {
    expect(faultsOf({ MONGO_READ_PREFERENCE: 'fastest' })).toEqual([expect.stringMatching('^MONGO_READ_PREFERENCE: ')])
    for (const query of [
      'readPreference=secondary',
      'replicaSet=a&readpreference=nearest',
      'maxStalenessSeconds=120',
      'readPreferenceTags=dc:a',
    ])
      expect(faultsOf({ MONGO_URI: `mongodb://db/chat?${query}` })).toEqual([expect.stringMatching('^MONGO_URI: names a read preference;')])
    expect(faultsOf({ MONGO_URI: 'mongodb://db/chat?readPreference=primary&replicaSet=a' })).toEqual([])
  })
})

describe('a search of a secondary that is behind', () => {
  /** Messages as a secondary has them: `find` by anything but ids, which are read from the primary, goes to a copy. */
  const behind = (messages: Model<MessageDocument>, copy: Model<MessageDocument>): Model<MessageDocument> =>
    new Proxy(messages, {
      get: (target, name) =>
        name === 'find'
          ? (filter: QueryFilter<MessageDocument>, fields: object, options: object) =>
              ('_id' in filter ? target : copy).find(filter, fields, options)
          : Reflect.get(target, name),
    })

  it('shows nothing that was deleted, hidden or changed to say something else', async () => {
    const app = await anApp({}, { forgetAfterMs: 0 })
    const { ann, bob, conversation } = await aDirectConversation(app)
    const said = ['mirror stays', 'mirror deleted', 'mirror hidden', 'mirror changed']
    const ids: string[] = []
    for (const text of said) ids.push((await bob.send(conversation.id, { text }).expect(201)).body.id)
    const { connection } = app.context.mongo
    const messages = connection.model<MessageDocument>('Message')
    await expect.poll(() => messages.countDocuments({ outbox: { $exists: true } })).toBe(0)
    const copy = connection.model<MessageDocument>('MessageBehind', messageSchema, 'messages_behind')
    await copy.createIndexes()
    await copy.collection.insertMany(await messages.find().lean())

    await bob.delete(`/messages/${ids[1]}?scope=all`).expect(200)
    await ann.delete(`/messages/${ids[2]}?scope=me`).expect((response) => expect(response.status).toBeLessThan(300))
    await bob.patch(`/messages/${ids[3]}`, { text: 'nothing' }).expect(200)

    const query = SearchMessages.parse({ q: 'mirror' })
    const { memberships } = app.context
    const found = async (readFrom: 'primary' | 'secondaryPreferred'): Promise<(string | null)[]> => {
      const service = new SearchService({ messages: behind(messages, copy), readFrom, memberships })
      return (await service.find({ userId: ann.id, sessionId: '' }, query)).items.map(({ text }) => text)
    }
    expect(await found('primary')).toEqual(said.toReversed()) // so far is the copy behind
    expect(await found('secondaryPreferred')).toEqual(['mirror stays'])
  })
})
