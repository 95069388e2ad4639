import { endpoint } from '../../http/endpoint.js'

export const logout = endpoint({
  method: 'post',
  path: '/auth/logout',
  summary: 'End your session, its event streams and its tokens',
  access: 'user',
  limit: 'api',
  request: {},
  responses: { 204: null },
  async handler({ context, caller }) {
    await context.sessions.revoke(caller, 'logout')
    return { status: 204 }
  },
})
