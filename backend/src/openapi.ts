import { z } from 'zod'
import { createDocument, type ZodOpenApiObject, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from 'zod-openapi'
import type { AnyEndpoint } from './http/endpoint.js'
import { IdempotencyKey } from './http/idempotency.js'
import { problems } from './http/problem.js'
import { routes } from './routes.js'

const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(Object.keys(problems) as [string, ...string[]]),
    requestId: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: 'Problem', description: 'What went wrong (RFC 9457); `code` is stable' })

const problemAnswer = { description: 'A problem', content: { 'application/problem+json': { schema: Problem } } }
const statusNames: Record<number, string> = { 200: 'OK', 201: 'Created', 202: 'Accepted', 204: 'Done', 503: 'Not available' }

/** The OpenAPI 3.1 document, made from the same declarations that the router serves. */
export const openApiDocument = (server: { publicUrl: string; version: string }) =>
  createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Heliograph',
      version: server.version,
      description: 'Messaging over REST and Server-Sent Events. An acknowledged write is never lost and never silently missed.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: server.publicUrl }],
    components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
    paths: pathsOf(),
  } satisfies ZodOpenApiObject)

const pathsOf = (): ZodOpenApiPathsObject => {
  const paths: ZodOpenApiPathsObject = {}
  for (const [base, endpoints] of Object.entries(routes)) {
    for (const declared of endpoints) {
      const path = (base + declared.path).replaceAll(/:(\w+)/g, '{$1}')
      paths[path] = { ...paths[path], [declared.method]: operationOf(declared) }
    }
  }
  return paths
}

const operationOf = (declared: AnyEndpoint): ZodOpenApiOperationObject => {
  const { params, query, body } = declared.request
  return {
    summary: declared.summary,
    ...(declared.access === 'anyone' ? {} : { security: [{ bearer: [] }] }),
    requestParams: {
      ...(params instanceof z.ZodObject ? { path: params } : {}),
      ...(query instanceof z.ZodObject ? { query } : {}),
      ...headersOf(declared),
    },
    ...(body ? { requestBody: { required: true, content: { 'application/json': { schema: body } } } } : {}),
    ...(declared.streams === 'nothing' ? { requestBody: { required: true, content: { '*/*': {} } } } : {}), // bytes of whatever type
    responses: responsesOf(declared),
  }
}

const headersOf = ({ request: { headers }, idempotent }: AnyEndpoint) => {
  const own = headers instanceof z.ZodObject ? headers : z.object({})
  const all = idempotent ? own.extend({ 'Idempotency-Key': IdempotencyKey.optional() }) : own
  return Object.keys(all.shape).length > 0 ? { header: all } : {}
}

const responsesOf = (declared: AnyEndpoint): ZodOpenApiOperationObject['responses'] => {
  if (declared.streams === 'nothing') return { '200': { description: 'OK' }, default: problemAnswer }
  if (declared.streams)
    return { '200': { description: 'A stream', content: { [declared.streams]: { schema: z.string() } } }, default: problemAnswer }
  const answers = Object.entries(declared.responses ?? {}).map(([status, schema]) => [
    status,
    { description: statusNames[Number(status)] ?? 'An answer', ...(schema ? { content: { 'application/json': { schema } } } : {}) },
  ])
  return { ...Object.fromEntries(answers), default: problemAnswer }
}
