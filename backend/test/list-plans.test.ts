import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { anAdmin } from './support/administrators.js'
import { listEndpoints } from './support/list-endpoints.js'
import { aGroup, type Person, peopleInNumbers } from './support/people.js'
import { allPlansOf, type Explained } from './support/plans.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
let person: Person
let [conversationId, messageId, memberId] = ['', '', '']
let since = ''
beforeAll(async () => {
  app = await startTestApp()
  person = await anAdmin(app)
  since = (await person.get('/sync').expect(200)).body.cursor
  const { conversation, members } = await aGroup(app, 3, person)
  await aGroup(app, 2, person)
  ;[conversationId, memberId] = [conversation.id, members[1]?.id ?? '']
  for (const text of ['hello', 'there']) messageId = (await person.send(conversationId, { text }).expect(201)).body.id
  await person.patch(`/messages/${messageId}`, { text: 'here' }).expect(200)
  await person.put(`/blocks/${(await peopleInNumbers(app, 500))[0]}`).expect(204)
})
afterAll(() => app.close())

/** What each list is asked with; a list that is not here fails. */
const asked: Readonly<Record<string, () => readonly string[]>> = {
  'GET /sessions': () => [''],
  'GET /conversations': () => ['', 'archived=true'],
  'GET /conversations/:conversationId/members': () => [''],
  'GET /conversations/:conversationId/invites': () => [''],
  'GET /conversations/:conversationId/messages': () => ['', 'beforeSeq=2', 'afterSeq=1', 'aroundSeq=2', `changedSince=${since}`],
  'GET /messages/search': () => [
    'q=hello',
    'q=hel',
    'q="hello there"',
    `q=hello&conversationId=${conversationId}`,
    `q=hello&senderId=${memberId}`,
    'q=hello&from=2026-01-01T00:00:00Z&to=2036-01-01T00:00:00Z',
  ],
  'GET /messages/:messageId/history': () => [''],
  'GET /sync': () => ['', `since=${since}`],
  'GET /users': () => ['q=one'],
  'GET /blocks': () => [''],
  'GET /admin/users': () => ['', 'q=one', 'role=admin', 'suspended=true'],
  'GET /admin/audit': () => ['', `actor=${person.id}`, `target=${person.id}`, 'action=auth.login', 'from=2026-01-01T00:00:00Z'],
  'GET /admin/reports': () => ['', 'status=open'],
  'GET /admin/api-keys': () => [''],
}

/** Of all that there is in the order of `_id`, by which every collection is read: a small one may be read as it lies. */
const ofAll = new Set(['GET /admin/users', 'GET /admin/api-keys'])

describe.each(listEndpoints)('$name', ({ name, takes }) => {
  it('is read by indexes, on its first page and the one after it, whatever is asked for', async () => {
    const path = name.replace('GET ', '').replace(':conversationId', conversationId).replace(':messageId', messageId)
    const paged = takes.includes('limit') ? 'limit=1' : ''
    for (const query of asked[name]?.() ?? ['it is not in the table of this test']) {
      const page = async (cursor: string | null): Promise<string | null> => {
        // There a cursor says all.
        const whole = cursor !== null && (name.endsWith('/:conversationId/messages') || name.endsWith('/sync'))
        const words = [whole ? '' : query, paged, cursor === null ? '' : `cursor=${cursor}`]
        return (await person.get(`${path}?${words.filter(Boolean).join('&')}`).expect(200)).body.nextCursor
      }
      const mayScan = ofAll.has(name) && query === ''
      const withoutIndex = async (cursor: string | null): Promise<Explained[]> => {
        const plans = await allPlansOf(app, () => page(cursor))
        expect(plans.length).toBeGreaterThan(0)
        return plans.filter(({ scans, indexes }) => (scans && !mayScan) || indexes.length === 0)
      }
      expect(await withoutIndex(null)).toEqual([])
      const next = await page(null)
      if (next !== null) expect(await withoutIndex(next)).toEqual([])
    }
  })
})
