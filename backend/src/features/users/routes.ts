import { endpoint } from '../../http/endpoint.js'
import { ChangeMe, MeView } from './schema.js'
import { viewMe } from './view.js'

export const getMe = endpoint({
  method: 'get',
  path: '/users/me',
  summary: 'Oneself',
  access: 'user',
  whilePending: ['password', 'totp'],
  limit: 'api',
  request: {},
  responses: { 200: MeView },
  async handler({ context, caller }) {
    return { status: 200, body: viewMe(await context.users.get(caller.userId)) }
  },
})

export const changeMe = endpoint({
  method: 'patch',
  path: '/users/me',
  summary: 'Change your profile and what you have set',
  access: 'user',
  limit: 'profile',
  request: { body: ChangeMe },
  responses: { 200: MeView },
  async handler({ context, caller, body }) {
    const user = await context.users.change(caller.userId, body)
    if (body.settings?.presence !== undefined) context.presence.settingChanged(user)
    return { status: 200, body: viewMe(user) }
  },
})
