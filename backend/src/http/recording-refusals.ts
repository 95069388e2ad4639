import type { Request, RequestHandler } from 'express'
import type { Context } from '../context.js'
import { authenticate } from './authenticate.js'
import type { AnyEndpoint } from './endpoint.js'
import { originOf } from './origin.js'
import { Problem } from './problem.js'

/** What is refused to a known caller: not who is nobody (401), nor who asks too often (429), nor what failed on our side. */
const recorded = new Set([400, 403, 404, 409])
const mostOfId = 100

/** A handler for administrators that leaves a trace in the audit log of what it refused, and to whom. What was done the service records itself. */
export const recordingRefusals =
  (declared: AnyEndpoint, context: Context, handler: RequestHandler): RequestHandler =>
  async (request, response, next) => {
    try {
      await handler(request, response, next)
    } catch (error) {
      if (error instanceof Problem && recorded.has(error.status)) await record(declared, context, request, error)
      throw error
    }
  }

const record = async ({ method, path }: AnyEndpoint, { audit, accessTokens, logger }: Context, request: Request, { code }: Problem) => {
  try {
    const { userId: id, role, scopes } = authenticate(request.headers.authorization, accessTokens)
    const target = targetOf(request)
    await audit.record({
      action: 'admin.refused',
      outcome: 'refused',
      actor: { kind: scopes ? 'service' : (role ?? 'user'), id },
      ...(target && { target }),
      origin: originOf(request),
      detail: { call: `${method.toUpperCase()} ${path}`, code },
    })
  } catch (error) {
    logger.error({ err: error }, 'a refusal was not recorded') // it stays refused
  }
}

/** What the path names: `/admin/users/:userId/suspend` -> a user. */
const targetOf = ({ params }: Request): { kind: string; id: string } | undefined => {
  const [named] = Object.entries(params)
  return named && typeof named[1] === 'string' ? { kind: named[0].replace(/Id$/, ''), id: named[1].slice(0, mostOfId) } : undefined
}
