import { endpoint } from '../../http/endpoint.js'
import { viewSignIn } from '../accounts/index.js'
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
  request: { body: VerifyCode },
  responses: { 200: CodeVerified },
  async handler({ context, body, origin }) {
    const verified = await context.codes.verify(body, origin)
    return { status: 200, body: 'registrationToken' in verified ? verified : viewSignIn(verified) }
  },
})
