import type { Request, Response } from 'express'
import type { z } from 'zod'
import type { Context } from '../context.js'
import type { LimitName } from './limits-table.js'

/** Who may call: anyone; a signed-in person; an administrator; or, `ticket`, one who holds a ticket of theirs in the query. */
export type Access = 'anyone' | 'user' | 'admin' | 'ticket'

/** What an API key may be good for: `admin`, all that administrators may call; the others, what names them. */
export const scopes = ['admin', 'audit'] as const
export type Scope = (typeof scopes)[number]

/** The signed-in caller; `undefined` where access is 'anyone'. */
export interface Caller {
  readonly userId: string
  readonly sessionId: string
  /** Absent for a person like any other. */
  readonly role?: 'admin'
  /** Of a machine alone: what it may do. Its `userId` and `sessionId` are its API key's. */
  readonly scopes?: readonly string[]
  readonly pending?: Pending
}

/** What the caller has to do before anything else: choose another password, set up an authenticator. */
export type Pending = 'password' | 'totp'

/** Where a call comes from. */
export interface Origin {
  readonly ip: string
  /** At most 256 characters of the User-Agent. */
  readonly userAgent: string
}
type CallerOf<A extends Access> = A extends 'anyone' ? undefined : Caller

export interface Schemas {
  readonly params?: z.ZodType
  readonly query?: z.ZodType
  readonly body?: z.ZodType
  /** By their names in lower case, as Node has them. Not strict: every request has others. */
  readonly headers?: z.ZodType
}
type Parsed<S extends Schemas> = { readonly [K in keyof S]: S[K] extends z.ZodType ? z.output<S[K]> : never }

/** A status's body; null for an answer without one. */
export type Responses = Readonly<Record<number, z.ZodType | null>>
/** Headers of an answer: `Set-Cookie`, one value for each cookie. */
export type ReplyHeaders = Readonly<Record<string, string | readonly string[]>>
type Reply<R extends Responses> = {
  [Status in keyof R]: R[Status] extends z.ZodType ? { status: Status; body: z.input<R[Status]> } : { status: Status }
}[keyof R] & { headers?: ReplyHeaders }
export interface AnyReply {
  status: number
  body?: unknown
  headers?: ReplyHeaders
}

interface Declared<A extends Access, S extends Schemas> {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  readonly path: string
  readonly summary: string
  readonly access: A
  /** A machine may call whose key has this scope; or `admin`, where access is 'admin'. */
  readonly scope?: Scope
  /** Who has yet to do these may call all the same. */
  readonly whilePending?: readonly Pending[]
  /** The row of the limits table; `none` for what operators' probes ask. */
  readonly limit: LimitName | 'none'
  readonly request: S
  /**
   * Takes an Idempotency-Key: what it makes has the call's `newId`, and where there is something with that id it is that. Who asks again gets the
   * same `answer`; or an answer about the same `thing`, made anew: where it is signed for some minutes, or nobody may keep it.
   */
  readonly idempotent?: 'answer' | 'thing'
}

export interface Endpoint<A extends Access = Access, S extends Schemas = Schemas, R extends Responses = Responses> extends Declared<A, S> {
  readonly responses: R
  handler(
    call: Parsed<S> & { readonly context: Context; readonly caller: CallerOf<A>; readonly origin: Origin; readonly newId: string },
  ): Promise<Reply<R>> | Reply<R>
}

/** `nothing`: what streams is the request. */
type StreamType = 'text/event-stream' | 'application/zip' | 'application/octet-stream' | 'nothing'

/** An endpoint whose answer is a stream, or whose request is: its handler reads and writes by itself. */
export interface StreamEndpoint<A extends Access = Access, S extends Schemas = Schemas> extends Declared<A, S> {
  readonly streams: StreamType
  open(
    call: Parsed<S> & { readonly context: Context; readonly caller: CallerOf<A>; readonly request: Request; readonly response: Response },
  ): Promise<void>
}

/** Any endpoint, its types forgotten: what the router and the document are made from. */
export interface AnyEndpoint extends Declared<Access, Schemas> {
  readonly responses?: Responses
  readonly streams?: StreamType
  handler?(call: never): Promise<AnyReply> | AnyReply
  open?(call: never): Promise<void>
}

/** Declares one endpoint: its route, its document and its types from the same schemas. */
export const endpoint = <const A extends Access, const S extends Schemas, const R extends Responses>(
  declaration: Endpoint<A, S, R>,
): Endpoint<A, S, R> => declaration

/** Declares one endpoint that streams. */
export const streamEndpoint = <const A extends Access, const S extends Schemas>(declaration: StreamEndpoint<A, S>): StreamEndpoint<A, S> =>
  declaration
