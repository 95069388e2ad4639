import { endpoint } from '../../http/endpoint.js'
import { UserView } from '../users/index.js'
import { BatchOfPeople, FoundContacts, LookUpContacts, People, PeoplePage, PersonParams, SearchPeople } from './schema.js'
import { viewPerson, viewSeen } from './view.js'

export const searchPeople = endpoint({
  method: 'get',
  path: '/users',
  summary: 'People by how their names begin, by name; a page may hold fewer than `limit` and not be the last',
  access: 'user',
  limit: 'api',
  request: { query: SearchPeople },
  responses: { 200: PeoplePage },
  async handler({ context, caller, query: { q, ...page } }) {
    const { items, nextCursor } = await context.people.search(caller, q, page)
    return { status: 200, body: { items: items.map(viewSeen), nextCursor } }
  },
})

export const getPerson = endpoint({
  method: 'get',
  path: '/users/:userId',
  summary: 'Somebody’s profile; who has blocked you is not found',
  access: 'user',
  limit: 'api',
  request: { params: PersonParams },
  responses: { 200: UserView },
  async handler({ context, caller, params }) {
    return { status: 200, body: viewSeen(await context.people.get(caller, params.userId)) }
  },
})

export const getPeople = endpoint({
  method: 'post',
  path: '/users/batch',
  summary: 'Up to 100 people, with presence where you may see it',
  access: 'user',
  limit: 'api',
  request: { body: BatchOfPeople },
  responses: { 200: People },
  async handler({ context, caller, body }) {
    return { status: 200, body: { items: (await context.people.batch(caller, body.ids)).map(viewPerson) } }
  },
})

export const lookUpContacts = endpoint({
  method: 'post',
  path: '/contacts/lookup',
  summary: 'Those of up to 500 phone numbers whose owners let themselves be found by them',
  access: 'user',
  limit: 'lookup',
  request: { body: LookUpContacts },
  responses: { 200: FoundContacts },
  async handler({ context, caller, body }) {
    return { status: 200, body: { items: (await context.people.lookUp(caller, body.phones)).map(viewSeen) } }
  },
})
