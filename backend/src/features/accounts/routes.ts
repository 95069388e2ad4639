import { endpoint } from '../../http/endpoint.js'
import { Login, Refresh, Register, SignedIn, TokensView } from './schema.js'
import { viewSignIn } from './view.js'

export const register = endpoint({
  method: 'post',
  path: '/auth/register',
  summary: 'Make an account and sign in',
  access: 'anyone',
  limit: 'register',
  request: { body: Register },
  responses: { 201: SignedIn },
  async handler({ context, body, origin }) {
    context.admission.requireOpen()
    return { status: 201, body: viewSignIn(await context.accounts.register(body, origin)) }
  },
})

export const login = endpoint({
  method: 'post',
  path: '/auth/login',
  summary: 'Sign in with phone and password',
  access: 'anyone',
  limit: 'login',
  request: { body: Login },
  responses: { 200: SignedIn },
  async handler({ context, body, origin }) {
    return { status: 200, body: viewSignIn(await context.accounts.login(body, origin)) }
  },
})

export const refresh = endpoint({
  method: 'post',
  path: '/auth/refresh',
  summary: 'Trade a refresh token, once, for a new pair',
  access: 'anyone',
  limit: 'refresh',
  request: { body: Refresh },
  responses: { 200: TokensView },
  async handler({ context, body }) {
    return { status: 200, body: await context.sessions.refresh(body.refreshToken) }
  },
})
