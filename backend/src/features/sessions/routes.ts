import { type Caller, endpoint, type Origin } from '../../http/endpoint.js'
import { PageQuery } from '../../http/page.js'
import { Problem } from '../../http/problem.js'
import { type AuditEntry, actorOf } from '../audit/index.js'
import type { RevocationReason } from './reasons.js'
import { CookieHeader, CookieQuery, Refresh, RefreshHeaders, SessionPage, SessionParams, TokensView } from './schema.js'
import { viewSession } from './view.js'

const ended = (caller: Caller, origin: Origin, sessionId: string, reason: RevocationReason): AuditEntry => ({
  action: 'session.revoked',
  outcome: 'done',
  actor: actorOf(caller),
  target: { kind: 'session', id: sessionId },
  origin,
  detail: { reason },
})

const allEnded = (caller: Caller, origin: Origin, reason: RevocationReason, sessions: number): AuditEntry => ({
  action: 'session.all_revoked',
  outcome: 'done',
  actor: actorOf(caller),
  target: { kind: 'user', id: caller.userId },
  origin,
  detail: { reason, sessions },
})

export const refresh = endpoint({
  method: 'post',
  path: '/auth/refresh',
  summary: 'Trade a refresh token, once, for a new pair',
  access: 'anyone',
  limit: 'refresh',
  request: { query: CookieQuery, body: Refresh, headers: RefreshHeaders },
  responses: { 200: TokensView },
  async handler({ context, query, body, headers, origin }) {
    const { sessions, sessionCookies } = context
    const inCookie = body.refreshToken === undefined
    const { tokens, session } = await sessions.refresh(body.refreshToken ?? sessionCookies.tokenOf(headers), origin)
    return { status: 200, ...sessionCookies.asAsked(inCookie ? { cookie: 'true' } : query, session, tokens) }
  },
})

export const logout = endpoint({
  method: 'post',
  path: '/auth/logout',
  summary: 'End your session, its event streams and its tokens',
  access: 'user',
  whilePending: ['password', 'totp'],
  limit: 'api',
  request: { headers: CookieHeader },
  responses: { 204: null },
  async handler({ context, caller, origin, headers }) {
    await context.sessions.revoke(caller, 'logout')
    await context.audit.record(ended(caller, origin, caller.sessionId, 'logout'))
    return { status: 204, ...context.sessionCookies.cleared(headers) }
  },
})

export const logoutAll = endpoint({
  method: 'post',
  path: '/auth/logout-all',
  summary: 'End all your sessions, this one too',
  access: 'user',
  limit: 'api',
  request: { headers: CookieHeader },
  responses: { 204: null },
  async handler({ context, caller, origin, headers }) {
    const sessions = await context.sessions.revokeAll(caller.userId, { reason: 'logout_all' })
    await context.audit.record(allEnded(caller, origin, 'logout_all', sessions))
    return { status: 204, ...context.sessionCookies.cleared(headers) }
  },
})

export const listSessions = endpoint({
  method: 'get',
  path: '/sessions',
  summary: 'Your sessions, newest first',
  access: 'user',
  limit: 'api',
  request: { query: PageQuery },
  responses: { 200: SessionPage },
  async handler({ context, caller, query }) {
    const { items, nextCursor } = await context.sessions.list(caller.userId, query)
    return { status: 200, body: { items: items.map((session) => viewSession(session, caller.sessionId)), nextCursor } }
  },
})

export const endOtherSessions = endpoint({
  method: 'delete',
  path: '/sessions',
  summary: 'End all your sessions but this one',
  access: 'user',
  limit: 'api',
  request: {},
  responses: { 204: null },
  async handler({ context, caller, origin }) {
    const sessions = await context.sessions.revokeAll(caller.userId, { except: caller.sessionId, reason: 'ended_elsewhere' })
    await context.audit.record(allEnded(caller, origin, 'ended_elsewhere', sessions))
    return { status: 204 }
  },
})

export const endSession = endpoint({
  method: 'delete',
  path: '/sessions/:sessionId',
  summary: 'End one of your sessions',
  access: 'user',
  limit: 'api',
  request: { params: SessionParams },
  responses: { 204: null },
  async handler({ context, caller, origin, params: { sessionId } }) {
    const reason = sessionId === caller.sessionId ? 'logout' : 'ended_elsewhere'
    if (!(await context.sessions.revoke({ userId: caller.userId, sessionId }, reason))) throw new Problem('not_found')
    await context.audit.record(ended(caller, origin, sessionId, reason))
    return { status: 204 }
  },
})
