import { endpoint } from '../../http/endpoint.js'
import { CookieHeader } from '../sessions/index.js'
import { DeleteMe } from './schema.js'

export const deleteMe = endpoint({
  method: 'delete',
  path: '/users/me',
  summary: 'Delete your account, for good; what becomes of your messages is the server’s setting',
  access: 'user',
  limit: 'login',
  request: { body: DeleteMe, headers: CookieHeader },
  responses: { 204: null },
  async handler({ context, caller, body, origin, headers }) {
    await context.accountDeletion.delete(caller, body, origin)
    return { status: 204, ...context.sessionCookies.cleared(headers) }
  },
})
