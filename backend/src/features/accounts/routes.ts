import { endpoint } from '../../http/endpoint.js'
import { CookieQuery } from '../sessions/index.js'
import { Login, Register, SignedIn } from './schema.js'
import { viewSignIn } from './view.js'

export const register = endpoint({
  method: 'post',
  path: '/auth/register',
  summary: 'Make an account and sign in',
  access: 'anyone',
  limit: 'register',
  request: { query: CookieQuery, body: Register },
  responses: { 201: SignedIn },
  async handler({ context, query, body, origin }) {
    context.admission.requireOpen()
    const signIn = await context.accounts.register(body, origin)
    return { status: 201, ...context.sessionCookies.asAsked(query, signIn.session, viewSignIn(signIn)) }
  },
})

export const login = endpoint({
  method: 'post',
  path: '/auth/login',
  summary: 'Sign in with phone and password',
  access: 'anyone',
  limit: 'login',
  request: { query: CookieQuery, body: Login },
  responses: { 200: SignedIn },
  async handler({ context, query, body, origin }) {
    const signIn = await context.accounts.login(body, origin)
    return { status: 200, ...context.sessionCookies.asAsked(query, signIn.session, viewSignIn(signIn)) }
  },
})
