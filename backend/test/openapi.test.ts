import { Validator } from '@seriousme/openapi-schema-validator'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { problems } from '../src/http/problem.js'
import { openApiDocument } from '../src/openapi.js'
import { routes } from '../src/routes.js'
import { startTestApp, type TestApp } from './support/test-app.js'

interface Operation {
  readonly summary?: string
  readonly security?: unknown
  readonly requestBody?: unknown
  readonly parameters?: { readonly name: string; readonly in: string }[]
  readonly responses: Record<string, { readonly content?: Record<string, unknown> }>
}

let app: TestApp
beforeAll(async () => {
  app = await startTestApp({ API_URL: 'https://chat.example.com', APP_VERSION: '7.8.9' })
})
afterAll(() => app.close())

const declared = Object.entries(routes).flatMap(([base, endpoints]) =>
  endpoints.map((endpoint) => ({ ...endpoint, openApiPath: `${base}${endpoint.path}`.replaceAll(/:(\w+)/g, '{$1}') })),
)
const document = openApiDocument({ publicUrl: 'https://chat.example.com', version: '7.8.9' })
const operations = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
  Object.entries(item as Record<string, Operation>).map(([method, operation]) => ({ name: `${method} ${path}`, path, operation })),
)

describe('the OpenAPI document', () => {
  it('is served at /openapi.json', async () => {
    const answer = await app.request
      .get('/openapi.json')
      .expect(200)
      .expect('Content-Type', /^application\/json/)
    expect(answer.body).toEqual(JSON.parse(JSON.stringify(document)))
    expect(answer.body).toMatchObject({ openapi: '3.1.0', info: { version: '7.8.9' }, servers: [{ url: 'https://chat.example.com' }] })
  })

  it('is valid OpenAPI 3.1', async () => {
    const outcome = await new Validator().validate(JSON.parse(JSON.stringify(document)))
    expect(outcome.errors).toBeUndefined()
    expect(outcome.valid).toBe(true)
  })

  it('has every route, and no other', () => {
    const expected = declared.map(({ method, openApiPath }) => `${method} ${openApiPath}`)
    expect(operations.map(({ name }) => name).toSorted()).toEqual(expected.toSorted())
  })

  it.each(operations)('says of $name what it is, and that it may end in a problem', ({ operation }) => {
    expect(operation.summary).toMatch(/^[A-Z]/)
    expect(operation.responses.default?.content).toHaveProperty(['application/problem+json'])
    expect(Object.keys(operation.responses).length).toBeGreaterThan(1)
  })

  it.each(declared)(
    'says of $method $openApiPath who may call it, and what it takes and answers',
    ({ openApiPath, method, ...endpoint }) => {
      const operation = operations.find(({ name }) => name === `${method} ${openApiPath}`)?.operation
      expect(operation?.security).toEqual(endpoint.access === 'anyone' ? undefined : [{ bearer: [] }])
      expect(operation?.requestBody !== undefined).toBe(endpoint.request.body !== undefined || endpoint.streams === 'nothing')
      const inPath = operation?.parameters?.filter((parameter) => parameter.in === 'path').map(({ name }) => name) ?? []
      expect(inPath).toEqual([...openApiPath.matchAll(/\{(\w+)\}/g)].map(([, name]) => name))
      const inQuery = operation?.parameters?.filter((parameter) => parameter.in === 'query') ?? []
      expect(inQuery.length > 0).toBe(endpoint.request.query !== undefined)
      const statuses = endpoint.streams ? ['200'] : Object.keys(endpoint.responses ?? {})
      expect(Object.keys(operation?.responses ?? {}).toSorted()).toEqual([...statuses, 'default'].toSorted())
    },
  )

  it('lists every code that a problem may carry', () => {
    expect(document.components?.schemas?.Problem).toMatchObject({ properties: { code: { enum: Object.keys(problems) } } })
  })
})

describe('/docs', () => {
  it('is a page that reads the document', async () => {
    const answer = await app.request
      .get('/docs')
      .expect(200)
      .expect('Content-Type', /^text\/html/)
    expect(answer.text).toContain('/openapi.json')
    expect(answer.text).toMatch(/<script[^>]+src="https:\/\/cdn\.jsdelivr\.net\/npm\/@scalar\/api-reference@\d+\.\d+\.\d+/)
  })

  it.each([
    ['development', '', 200],
    ['development', 'false', 404],
    ['production', '', 404],
    ['production', 'false', 404],
    ['production', 'true', 200],
  ])('and the document, in %s with API_DOCS=%s, answer %i', async (environment, docs, status) => {
    const settings = { NODE_ENV: environment, API_DOCS: docs }
    const other = await startTestApp(settings, { waitForDatabase: environment !== 'production' })
    const answers = await Promise.all(['/docs', '/openapi.json'].map((path) => other.request.get(path)))
    await other.close()
    expect(answers.map((answer) => answer.status)).toEqual([status, status])
  })

  it.each(['/docs', '/openapi.json'])('is limited for strangers: %s', async (path) => {
    const other = await startTestApp({ LIMIT_ANONYMOUS: '2/h' })
    const statuses = [await other.request.get(path), await other.request.get(path), await other.request.get(path)].map(
      ({ status }) => status,
    )
    await other.close()
    expect(statuses).toEqual([200, 200, 429])
  })
})
