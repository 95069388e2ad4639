import { endpoint } from '../../http/endpoint.js'
import { byCaller } from './by.js'
import { AdminUsersPage, AdminUserView, UserParams, UsersQuery } from './schema.js'
import { viewUser } from './view.js'

export const listUsers = endpoint({
  method: 'get',
  path: '/admin/users',
  summary: 'People, by the beginning of a name or phone, by role, or the suspended',
  access: 'admin',
  limit: 'api',
  request: { query: UsersQuery },
  responses: { 200: AdminUsersPage },
  async handler({ context, caller, origin, query }) {
    const { items, nextCursor } = await context.administration.list(query, byCaller(caller, origin))
    return { status: 200, body: { items: items.map(viewUser), nextCursor } }
  },
})

export const suspend = endpoint({
  method: 'post',
  path: '/admin/users/:userId/suspend',
  summary: 'End somebody’s sessions and let them sign in no more',
  access: 'admin',
  limit: 'api',
  request: { params: UserParams },
  responses: { 200: AdminUserView },
  async handler({ context, caller, origin, params }) {
    return { status: 200, body: viewUser(await context.administration.suspend(params.userId, byCaller(caller, origin))) }
  },
})

export const reinstate = endpoint({
  method: 'post',
  path: '/admin/users/:userId/reinstate',
  summary: 'Let somebody sign in again',
  access: 'admin',
  limit: 'api',
  request: { params: UserParams },
  responses: { 200: AdminUserView },
  async handler({ context, caller, origin, params }) {
    return { status: 200, body: viewUser(await context.administration.reinstate(params.userId, byCaller(caller, origin))) }
  },
})

export const endSessionsOf = endpoint({
  method: 'post',
  path: '/admin/users/:userId/sessions/revoke',
  summary: 'End all sessions of somebody, who may sign in again',
  access: 'admin',
  limit: 'api',
  request: { params: UserParams },
  responses: { 204: null },
  async handler({ context, caller, origin, params }) {
    await context.administration.endSessions(params.userId, byCaller(caller, origin))
    return { status: 204 }
  },
})
