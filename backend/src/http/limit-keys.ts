import { createHash } from 'node:crypto'
import type { Request } from 'express'
import { ipKeyGenerator } from 'express-rate-limit'
import type { Caller } from './endpoint.js'
import { type LimitKey, type LimitName, limitRow } from './limits-table.js'

/** Known once the body was read, and found to be of the right shape. */
const inBody: ReadonlySet<LimitKey> = new Set<LimitKey>(['account', 'phone', 'family', 'apiKey'])
export const isInBody = (key: LimitKey): boolean => inBody.has(key)

/** Counted by a token alone, that could be any. */
export const isByToken = (name: LimitName): boolean => limitRow(name).by.every((key) => key === 'family' || key === 'apiKey')

/** What a request may be counted by. */
export interface Counted {
  readonly request: Request
  readonly caller: Caller | undefined
  /** The body as its schema made it; undefined before it was read. */
  readonly body?: unknown
}

const field = (body: unknown, name: string): string | undefined => {
  const value: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, name) : undefined
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** Of one length whatever was sent, and nothing that could be used where it is kept. */
const hashed = (text: string | undefined): string | undefined =>
  text === undefined ? undefined : createHash('sha256').update(text).digest('base64url')

/** Refresh tokens of a session begin alike, up to the first dot; who makes up a beginning has no token. A browser has its token in a cookie. */
const familyOf = (refreshToken: string | undefined): string | undefined => refreshToken?.split('.', 1)[0]
const cookieOf = ({ headers }: Request): string | undefined => /(?:^|; *)refresh=([\w.-]+)/.exec(headers.cookie ?? '')?.[1]

const keys: Record<LimitKey, (counted: Counted) => string | undefined> = {
  ip: ({ request }) => ipKeyGenerator(request.ip ?? ''), // an IPv6 network, /56, is one
  user: ({ caller }) => caller?.userId,
  session: ({ caller }) => caller?.sessionId,
  account: ({ caller, body }) => hashed(field(body, 'phone') ?? field(body, 'email') ?? caller?.userId),
  phone: ({ body }) => hashed(field(body, 'phone')),
  family: ({ body, request }) => hashed(familyOf(field(body, 'refreshToken') ?? cookieOf(request))),
  apiKey: ({ body }) => hashed(field(body, 'apiKey')),
}

/** What a request counts for; undefined where it has none of these, and is not counted by it. */
export const keyOf = (key: LimitKey, counted: Counted): string | undefined => keys[key](counted)
