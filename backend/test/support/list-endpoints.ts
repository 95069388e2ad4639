import { z } from 'zod'
import type { AnyEndpoint } from '../../src/http/endpoint.js'
import { routes } from '../../src/routes.js'

/** An endpoint that answers a page of something. */
interface ListEndpoint {
  /** `GET /conversations`: as in the access matrix. */
  readonly name: string
  readonly declared: AnyEndpoint
  /** The names in its query. */
  readonly takes: readonly string[]
}

const fieldsOf = (schema: z.ZodType | null | undefined): readonly string[] => {
  if (!schema) return []
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  return Object.keys(properties)
}

const isPage = ({ responses }: AnyEndpoint): boolean => fieldsOf(responses?.[200]).includes('nextCursor')

/** All of them, as they are declared. */
export const listEndpoints: readonly ListEndpoint[] = routes['/api/v1'].filter(isPage).map((declared) => ({
  name: `${declared.method.toUpperCase()} ${declared.path}`,
  declared,
  takes: fieldsOf(declared.request.query),
}))

/** Those that take `cursor` and `limit`. */
export const pagedEndpoints = listEndpoints.filter(({ takes }) => takes.includes('cursor'))
