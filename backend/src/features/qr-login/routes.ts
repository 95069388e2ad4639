import { endpoint, streamEndpoint } from '../../http/endpoint.js'
import { SignedIn, viewSignIn } from '../accounts/index.js'
import { CookieQuery } from '../sessions/index.js'
import {
  ApproveQr,
  ChallengeParams,
  ExchangeQr,
  QrChallengeView,
  QrStatusView,
  ScannedQrView,
  ScanQr,
  StartQr,
  VerifierHeaders,
  VerifierQuery,
} from './schema.js'
import { viewScanned } from './view.js'

export const startQr = endpoint({
  method: 'post',
  path: '/auth/qr',
  summary: 'Begin to sign a browser in by a phone that is signed in',
  access: 'anyone',
  limit: 'qr',
  request: { body: StartQr },
  responses: { 201: QrChallengeView },
  async handler({ context, body, origin }) {
    const { challenge, token, url } = await context.qrBrowser.start(body, origin)
    const { _id, code, expiresAt } = challenge
    return { status: 201, body: { id: _id.toHexString(), token, url, code, expiresAt: expiresAt.toISOString() } }
  },
})

export const openQrStream = streamEndpoint({
  method: 'get',
  path: '/auth/qr/:id/events',
  summary: 'What becomes of a QR sign-in, as Server-Sent Events: the present state first; ends when it is decided',
  access: 'anyone',
  limit: 'qr',
  request: { params: ChallengeParams, query: VerifierQuery, headers: VerifierHeaders },
  streams: 'text/event-stream',
  async open({ context, params, query, headers, response }) {
    await context.qrBrowser.openStream(params.id, headers['x-qr-verifier'] ?? query.verifier, response)
  },
})

export const getQrStatus = endpoint({
  method: 'get',
  path: '/auth/qr/:id',
  summary: 'What has become of a QR sign-in, for a browser that asks now and then',
  access: 'anyone',
  limit: 'qr',
  request: { params: ChallengeParams, query: VerifierQuery, headers: VerifierHeaders },
  responses: { 200: QrStatusView },
  async handler({ context, params, query, headers }) {
    return { status: 200, body: { status: await context.qrBrowser.status(params.id, headers['x-qr-verifier'] ?? query.verifier) } }
  },
})

export const scanQr = endpoint({
  method: 'post',
  path: '/auth/qr/scan',
  summary: 'Take a QR sign-in for this phone, and learn what and where asks',
  access: 'user',
  limit: 'qr',
  request: { body: ScanQr },
  responses: { 200: ScannedQrView },
  async handler({ context, caller, body, origin }) {
    const challenge = await context.qrPhone.scan(body.token, { caller, origin })
    return { status: 200, body: viewScanned(challenge, context.placeOf(challenge.origin.ip)) }
  },
})

export const approveQr = endpoint({
  method: 'post',
  path: '/auth/qr/:id/approve',
  summary: 'Sign the browser in by the number that it shows; a wrong one denies',
  access: 'user',
  limit: 'api',
  request: { params: ChallengeParams, body: ApproveQr },
  responses: { 204: null },
  async handler({ context, caller, params, body, origin }) {
    await context.qrPhone.approve(params.id, body.code, { caller, origin })
    return { status: 204 }
  },
})

export const denyQr = endpoint({
  method: 'post',
  path: '/auth/qr/:id/deny',
  summary: 'Refuse to sign the browser in',
  access: 'user',
  limit: 'api',
  request: { params: ChallengeParams },
  responses: { 204: null },
  async handler({ context, caller, params, origin }) {
    await context.qrPhone.deny(params.id, { caller, origin })
    return { status: 204 }
  },
})

export const exchangeQr = endpoint({
  method: 'post',
  path: '/auth/qr/:id/exchange',
  summary: 'Trade an approved QR sign-in, once, for a session',
  access: 'anyone',
  limit: 'qr',
  request: { params: ChallengeParams, query: CookieQuery, body: ExchangeQr },
  responses: { 200: SignedIn },
  async handler({ context, params, query, body, origin }) {
    const signIn = await context.qrBrowser.exchange(params.id, body.verifier, origin)
    return { status: 200, ...context.sessionCookies.asAsked(query, signIn.session, viewSignIn(signIn)) }
  },
})
