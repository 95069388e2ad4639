import { endpoint } from '../../http/endpoint.js'
import { byCaller } from './by.js'

export const lockDown = endpoint({
  method: 'post',
  path: '/admin/lockdown',
  summary: 'Let administrators alone in; everyone else’s streams end, their sessions wait',
  access: 'admin',
  limit: 'api',
  request: {},
  responses: { 204: null },
  async handler({ context, caller, origin }) {
    await context.closing.lockDown(byCaller(caller, origin))
    return { status: 204 }
  },
})

export const reopen = endpoint({
  method: 'post',
  path: '/admin/reopen',
  summary: 'Let everyone in again',
  access: 'admin',
  limit: 'api',
  request: {},
  responses: { 204: null },
  async handler({ context, caller, origin }) {
    await context.closing.reopen(byCaller(caller, origin))
    return { status: 204 }
  },
})

export const endAllSessions = endpoint({
  method: 'post',
  path: '/admin/sessions/revoke-all',
  summary: 'End every session, your own too: everyone signs in again',
  access: 'admin',
  limit: 'api',
  request: {},
  responses: { 204: null },
  async handler({ context, caller, origin }) {
    await context.closing.endAllSessions(byCaller(caller, origin))
    return { status: 204 }
  },
})
