import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeCursor } from '../src/http/page.js'
import { anAdmin } from './support/administrators.js'
import { listEndpoints, pagedEndpoints } from './support/list-endpoints.js'
import { aGroup, type Person } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
let person: Person
let conversationId: string
beforeAll(async () => {
  app = await startTestApp()
  person = await anAdmin(app)
  const { conversation } = await aGroup(app, 2, person)
  conversationId = conversation.id
  for (let n = 0; n < 3; n++) await person.send(conversationId, {}).expect(201)
})
afterAll(() => app.close())

/** What some lists cannot be asked without. */
const needed: Readonly<Record<string, string>> = { 'GET /users': 'q=Ann', 'GET /messages/search': 'q=hello' }
const ask = (name: string, query: string) => {
  const path = name.replace('GET ', '').replace(':conversationId', conversationId)
  return person.get(`${path}?${[needed[name], query].filter(Boolean).join('&')}`)
}
const pathsOf = ({ body }: { body: { errors?: { path: string }[] } }): string[] => (body.errors ?? []).map(({ path }) => path)

const badPages: readonly (readonly [query: string, path: string])[] = [
  ...['0', '-1', '101', '1e9', '1000000000', '1.5', '', ' 5', '٣', '0x10', 'NaN', 'null'].map(
    (limit) => [`limit=${encodeURIComponent(limit)}`, 'query.limit'] as const,
  ),
  ['limit=1&limit=2', 'query.limit'],
  ['cursor=', 'query.cursor'],
  ['cursor=nonsense', 'query.cursor'],
  [`cursor=${encodeCursor(null)}`, 'query.cursor'],
  [`cursor=${encodeCursor({ $gt: '' })}`, 'query.cursor'],
  [`cursor=${encodeCursor(['search', 1e300, 'f'.repeat(24)])}`, 'query.cursor'],
  [`cursor=${'x'.repeat(501)}`, 'query.cursor'],
]

it('every list but that of a message’s edits is a paged one', () => {
  const others = listEndpoints.filter((list) => !pagedEndpoints.includes(list)).map(({ name }) => name)
  expect(others).toEqual(['GET /messages/:messageId/history'])
})

describe.each(pagedEndpoints)('$name', ({ name }) => {
  it('answers a page as it is asked first, with a limit of 1 and of 100', async () => {
    for (const query of ['', 'limit=1', 'limit=100']) await ask(name, query).expect(200)
  })

  it.each(badPages)('refuses %s', async (query, path) => {
    const refused = await ask(name, query)
    expect([refused.status, refused.body.code]).toEqual([400, 'validation_failed'])
    expect(pathsOf(refused)).toEqual([path])
  })

  it('refuses a cursor of any other list', async () => {
    for (const other of pagedEndpoints) {
      if (other.name === name) continue
      const { nextCursor } = (await ask(other.name, 'limit=1').expect(200)).body
      if (nextCursor === null) continue
      const refused = await ask(name, `cursor=${nextCursor}`)
      expect([other.name, refused.status]).toEqual([other.name, 400])
    }
  })
})

describe('a page of messages', () => {
  const list = (query: string) => person.get(`/conversations/${conversationId}/messages?${query}`)
  const seqsOf = async (query: string): Promise<number[]> =>
    (await list(query).expect(200)).body.items.map(({ seq }: { seq: number }) => seq)

  it.each(['beforeSeq', 'afterSeq', 'aroundSeq'])('is not asked for with %s that is no seq', async (name) => {
    const wrong = [
      '-1',
      '1.5',
      'a',
      '',
      '1e3',
      '0x1',
      'Infinity',
      `9${'0'.repeat(15)}`,
      '99999999999999999999999',
      '1&%s=2'.replace('%s', name),
    ]
    for (const value of name === 'afterSeq' ? wrong : ['0', ...wrong]) {
      const refused = await list(`${name}=${value}`)
      expect([value, refused.status, pathsOf(refused)]).toEqual([value, 400, [`query.${name}`]])
    }
  })

  it('is before, after or around a huge seq as it is of any past the last', async () => {
    const huge = '9'.repeat(15)
    expect(await seqsOf(`beforeSeq=${huge}`)).toEqual(await seqsOf(''))
    expect(await seqsOf(`afterSeq=${huge}`)).toEqual([])
    expect(await seqsOf(`aroundSeq=${huge}`)).toEqual([])
  })

  it('is asked for in one way, never in two', async () => {
    const { cursor: since } = (await person.get('/sync').expect(200)).body
    const { nextCursor } = (await list('limit=1').expect(200)).body
    const ways = ['beforeSeq=2', 'afterSeq=1', 'aroundSeq=2', `changedSince=${since}`, `cursor=${nextCursor}`]
    for (const one of ways) await list(one).expect(200)
    const pairs = ways.flatMap((one, n) => ways.slice(n + 1).map((other) => `${one}&${other}`))
    for (const query of [...pairs, ways.join('&')]) {
      const refused = await list(query)
      expect([query, refused.status, refused.body.errors]).toEqual([
        query,
        400,
        [{ path: 'query', message: 'one of cursor, beforeSeq, afterSeq, aroundSeq and changedSince' }],
      ])
    }
  })
})
