import { endpoint } from '../../http/endpoint.js'
import { MeView } from './schema.js'
import { viewMe } from './view.js'

export const getMe = endpoint({
  method: 'get',
  path: '/users/me',
  summary: 'Oneself',
  access: 'user',
  limit: 'api',
  request: {},
  responses: { 200: MeView },
  async handler({ context, caller }) {
    return { status: 200, body: viewMe(await context.users.get(caller.userId)) }
  },
})
