import { isDeepStrictEqual } from 'node:util'
import express, { type Express, type Request, type RequestHandler, type Response } from 'express'
import { Types } from 'mongoose'
import { z } from 'zod'
import type { Context } from '../context.js'
import { answerJson } from './answer.js'
import { authenticate } from './authenticate.js'
import type { AnyEndpoint, AnyReply, Caller, Schemas } from './endpoint.js'
import { IdempotencyKey } from './idempotency.js'
import { letGo } from './let-go.js'
import { isByToken } from './limit-keys.js'
import { run } from './limits.js'
import { originOf } from './origin.js'
import { Problem } from './problem.js'
import { recordingRefusals } from './recording-refusals.js'

export const mostBodyBytes = 256 * 1024
const readJson = express.json({ limit: mostBodyBytes, type: 'application/json' })
const mostErrors = 20

/** Makes Express routes from declarations. One handler a route: who, how often, what, then the work. */
export const mount = (app: Express, base: string, endpoints: readonly AnyEndpoint[], context: Context): void => {
  for (const declared of endpoints) {
    const handler = serve(declared, context)
    app[declared.method](base + declared.path, declared.access === 'admin' ? recordingRefusals(declared, context, handler) : handler)
  }
}

const serve = (declared: AnyEndpoint, context: Context): RequestHandler => {
  const limit = declared.limit
  return async (request, response) => {
    const caller = await callerOf(declared, context, request, response)
    if (limit !== 'none') await context.limits.count(limit, request, response, caller)
    if (caller && !caller.scopes) context.admission.check(caller) // a machine's key ends by itself, and is an administrator's
    if (declared.request.body) await run(readJson, request, response)
    const call = { ...parse(declared.request, request), context, caller, origin: originOf(request) }
    if (limit !== 'none') await context.limits.countBody(limit, request, response, caller, call.body)
    if (declared.open) {
      await declared.open({ ...call, request, response } as never)
      return letGo(request, response)
    }
    const reply = await handle(declared, call, context, request, response)
    if (!reply) throw new Error(`${declared.path} has no handler`)
    if (context.config.environment === 'test') checkReply(declared, reply)
    for (const [name, value] of Object.entries(reply.headers ?? {})) response.setHeader(name, value)
    if (reply.body === undefined) response.status(reply.status).end()
    else await answerJson(request, response, reply.status, reply.body)
  }
}

interface Call {
  readonly caller: Caller | undefined
  readonly body?: unknown
}

/** @throws Problem validation_failed for one that is none */
const keyOf = (request: Request): string | undefined => {
  const { success, data, error } = IdempotencyKey.optional().safeParse(request.headers['idempotency-key'])
  if (success) return data
  const errors = error.issues.map(({ message }) => ({ path: 'headers.idempotency-key', message }))
  throw new Problem('validation_failed', undefined, { errors })
}

/** Who guesses a token has a new limit each time: what they count as is a stranger. */
const handle = async (
  declared: AnyEndpoint,
  call: Call,
  context: Context,
  request: Request,
  response: Response,
): Promise<AnyReply | undefined> => {
  try {
    const caller = call.caller
    const work = (newId: string) => declared.handler?.({ ...call, newId } as never)
    const key = declared.idempotent && caller ? keyOf(request) : undefined
    if (key === undefined || !caller) return await work(new Types.ObjectId().toHexString())
    const { method, path, body } = request
    const asked = { userId: caller.userId, key, method, path, body: body as unknown }
    const workOnce = async (newId: string) => {
      const reply = await work(newId)
      if (!reply) throw new Error(`${declared.path} has no handler`)
      return reply
    }
    return await context.idempotency.once(asked, workOnce, declared.idempotent === 'answer')
  } catch (error) {
    const guessed = error instanceof Problem && error.status === 401 && declared.limit !== 'none' && isByToken(declared.limit)
    if (guessed) await context.limits.count('anonymous', request, response, undefined)
    throw error
  }
}

/** Who does not show a good token is a stranger, and counts as one. */
const callerOf = async (declared: AnyEndpoint, context: Context, request: Request, response: Response): Promise<Caller | undefined> => {
  if (declared.access === 'anyone') return undefined
  try {
    const { ticket } = request.query
    if (declared.access === 'ticket' && request.headers.authorization === undefined && typeof ticket === 'string') {
      return living(await redeem(ticket, context), context)
    }
    return allowed(declared, living(authenticate(request.headers.authorization, context.accessTokens), context))
  } catch (error) {
    await context.limits.count('anonymous', request, response, undefined)
    throw error
  }
}

/** @throws Problem session_revoked where this worker knows that the session has ended before its time */
const living = (caller: Caller, context: Context): Caller => {
  if (context.revokedSessions.has(caller.sessionId)) throw new Problem('session_revoked')
  if (!caller.scopes) context.lastSeen.note(caller.sessionId)
  return caller
}

/**
 * @throws Problem forbidden where only administrators may call, or only people, or machines with another scope; password_change_required and
 * totp_setup_required where that has to be done first
 */
const allowed = (declared: AnyEndpoint, caller: Caller): Caller => {
  const isAllowed = caller.scopes ? mayCall(declared, caller.scopes) : declared.access !== 'admin' || caller.role === 'admin'
  if (!isAllowed) throw new Problem('forbidden')
  if (caller.pending && !declared.whilePending?.includes(caller.pending)) throw new Problem(pendingProblems[caller.pending])
  return caller
}

const pendingProblems = { password: 'password_change_required', totp: 'totp_setup_required' } as const

const mayCall = ({ access, scope }: AnyEndpoint, scopes: readonly string[]): boolean =>
  (access === 'admin' && scopes.includes('admin')) || (scope !== undefined && scopes.includes(scope))

const redeem = async (ticket: string, context: Context): Promise<Caller> => {
  const caller = await context.tickets.redeem(ticket).catch((error: unknown) => {
    throw new Problem('service_unavailable', undefined, { cause: error })
  })
  if (!caller) throw new Problem('unauthenticated', 'The ticket was used or has expired')
  return caller
}

const parse = (schemas: Schemas, request: Request): Partial<Record<keyof Schemas, unknown>> => {
  const parsed: Partial<Record<keyof Schemas, unknown>> = {}
  const issues: { path: PropertyKey[]; message: string }[] = []
  for (const part of ['params', 'query', 'body', 'headers'] as const) {
    const schema = schemas[part]
    if (!schema) continue
    const result = schema.safeParse(part === 'body' ? bodyOf(request) : request[part])
    if (result.success) parsed[part] = result.data
    else issues.push(...result.error.issues.map((issue) => ({ path: [part, ...issue.path], message: issue.message })))
  }
  if (issues.length === 0) return parsed
  const errors = issues.slice(0, mostErrors).map(({ path, message }) => ({ path: path.map(String).join('.'), message }))
  throw new Problem('validation_failed', undefined, { errors })
}

const bodyOf = (request: Request): unknown => {
  const hasBody = request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0
  if (hasBody && !request.is('application/json')) throw new Problem('unsupported_media_type')
  return hasBody ? request.body : {}
}

/** In tests every answer must be what was declared, to the field. */
const checkReply = (declared: AnyEndpoint, reply: { status: number; body?: unknown }): void => {
  const schema = declared.responses?.[reply.status]
  if (schema === undefined) throw new Error(`${declared.method} ${declared.path} answered an undeclared ${reply.status}`)
  if (schema === null) {
    if (reply.body !== undefined) throw new Error(`${declared.method} ${declared.path} answered more than it declares`)
    return
  }
  const result = schema.safeParse(reply.body)
  if (!result.success) throw new Error(`${declared.method} ${declared.path} answered a wrong body: ${z.prettifyError(result.error)}`)
  if (!isDeepStrictEqual(result.data, reply.body)) throw new Error(`${declared.method} ${declared.path} answered more than it declares`)
}
