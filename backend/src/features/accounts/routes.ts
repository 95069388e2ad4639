import { endpoint } from '../../http/endpoint.js'
import { CookieQuery } from '../sessions/index.js'
import { BeginTotp, ChangePassword, ConfirmTotp, Login, Register, RemoveTotp, SignedIn, TotpBegun, TotpConfirmed } from './schema.js'
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
  summary: 'Sign in with phone or e-mail address and password',
  access: 'anyone',
  limit: 'login',
  request: { query: CookieQuery, body: Login },
  responses: { 200: SignedIn },
  async handler({ context, query, body, origin }) {
    const signIn = await context.accounts.login(body, origin)
    return { status: 200, ...context.sessionCookies.asAsked(query, signIn.session, viewSignIn(signIn)) }
  },
})

export const changePassword = endpoint({
  method: 'put',
  path: '/auth/password',
  summary: 'Change your password; every other session ends',
  access: 'user',
  whilePending: ['password'],
  limit: 'login',
  request: { body: ChangePassword },
  responses: { 204: null },
  async handler({ context, caller, body, origin }) {
    await context.ownCredentials.changePassword(caller, body, origin)
    return { status: 204 }
  },
})

export const beginTotp = endpoint({
  method: 'post',
  path: '/auth/totp',
  summary: 'Begin to set up an authenticator (TOTP)',
  access: 'user',
  whilePending: ['totp'],
  limit: 'login',
  request: { body: BeginTotp },
  responses: { 200: TotpBegun },
  async handler({ context, caller, body, origin }) {
    return { status: 200, body: await context.totp.begin(caller, body.password, origin) }
  },
})

export const confirmTotp = endpoint({
  method: 'post',
  path: '/auth/totp/confirm',
  summary: 'Ask for a code of the authenticator at every sign-in from now on; every other session ends',
  access: 'user',
  whilePending: ['totp'],
  limit: 'login',
  request: { body: ConfirmTotp },
  responses: { 200: TotpConfirmed },
  async handler({ context, caller, body, origin }) {
    return { status: 200, body: { recoveryCodes: await context.totp.confirm(caller, body.code, origin) } }
  },
})

export const removeTotp = endpoint({
  method: 'delete',
  path: '/auth/totp',
  summary: 'Ask for no more codes of the authenticator',
  access: 'user',
  limit: 'login',
  request: { body: RemoveTotp },
  responses: { 204: null },
  async handler({ context, caller, body, origin }) {
    await context.totp.remove(caller, body, origin)
    return { status: 204 }
  },
})
