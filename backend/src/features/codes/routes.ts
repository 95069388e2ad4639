import { endpoint } from '../../http/endpoint.js'
import { viewSignIn } from '../accounts/index.js'
import { CookieQuery } from '../sessions/index.js'
import { CodeStarted, CodeVerified, StartCode, VerifyCode } from './schema.js'

export const startCode = endpoint({
  method: 'post',
  path: '/auth/otp/start',
  summary: 'Have a code sent to a phone',
  access: 'anyone',
  limit: 'otp',
  request: { body: StartCode },
  responses: { 202: CodeStarted },
  async handler({ context, body }) {
    return { status: 202, body: { expiresIn: await context.codes.start(body.phone) } }
  },
})

export const verifyCode = endpoint({
  method: 'post',
  path: '/auth/otp/verify',
  summary: 'Sign in with the code, or get what registers a new phone',
  access: 'anyone',
  limit: 'login',
  request: { query: CookieQuery, body: VerifyCode },
  responses: { 200: CodeVerified },
  async handler({ context, query, body, origin }) {
    const verified = await context.codes.verify(body, origin)
    if ('registrationToken' in verified) return { status: 200, body: verified }
    return { status: 200, ...context.sessionCookies.asAsked(query, verified.session, viewSignIn(verified)) }
  },
})
