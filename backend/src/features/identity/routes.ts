import { endpoint } from '../../http/endpoint.js'
import { MeView, viewMe } from '../users/index.js'
import { ChangeEmail, ChangePhone, ForgotPassword, ResetPassword, VerifyEmail } from './schema.js'

export const changeEmail = endpoint({
  method: 'put',
  path: '/auth/email',
  summary: 'Have a link sent to an e-mail address, which becomes yours once you open it',
  access: 'user',
  limit: 'recovery',
  request: { body: ChangeEmail },
  responses: { 202: null },
  async handler({ context, caller, body, origin }) {
    await context.emails.request(caller, body, origin)
    return { status: 202 }
  },
})

export const verifyEmail = endpoint({
  method: 'post',
  path: '/auth/email/verify',
  summary: 'Prove an e-mail address by the token of the link',
  access: 'anyone',
  limit: 'anonymous',
  request: { body: VerifyEmail },
  responses: { 204: null },
  async handler({ context, body, origin }) {
    await context.emails.verify(body.token, origin)
    return { status: 204 }
  },
})

export const forgotPassword = endpoint({
  method: 'post',
  path: '/auth/password/forgot',
  summary: 'Have a code sent to the phone, or a link to the e-mail address, that lets you choose a new password',
  access: 'anyone',
  limit: 'recovery',
  request: { body: ForgotPassword },
  responses: { 202: null },
  async handler({ context, body }) {
    await context.passwordReset.forgot(body)
    return { status: 202 }
  },
})

export const resetPassword = endpoint({
  method: 'post',
  path: '/auth/password/reset',
  summary: 'Choose a new password; every session ends',
  access: 'anyone',
  limit: 'login',
  request: { body: ResetPassword },
  responses: { 204: null },
  async handler({ context, body, origin }) {
    await context.passwordReset.reset(body, origin)
    return { status: 204 }
  },
})

export const changePhone = endpoint({
  method: 'put',
  path: '/auth/phone',
  summary: 'Change your phone, by the code that /auth/otp/start sent to the new one',
  access: 'user',
  limit: 'login',
  request: { body: ChangePhone },
  responses: { 200: MeView },
  async handler({ context, caller, body, origin }) {
    return { status: 200, body: viewMe(await context.phoneChange.change(caller, body, origin)) }
  },
})
