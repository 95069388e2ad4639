import { afterEach, describe, expect, it } from 'vitest'
import { readConfig } from '../src/config.js'
import { openTelemetry } from '../src/platform/telemetry/telemetry.js'
import { Tracing } from '../src/platform/telemetry/tracing.js'
import { startHttpReceiver } from './support/http-receiver.js'
import { aPerson } from './support/people.js'
import { startTestApp } from './support/test-app.js'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

interface ReceivedSpan {
  readonly name: string
  readonly kind: number
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly status: { readonly code?: number }
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, unknown> }[]
}

/** A server that traces this share of its requests, and the receiver that it tells. */
const aTracedApp = async (ratio: number) => {
  const receiver = await startHttpReceiver((response) => response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}'))
  closing.push(() => receiver.close())
  const headers = { 'x-tenant': 'ours' }
  const tracing = new Tracing({ endpoint: receiver.url, headers, serviceName: 'chat', version: '1.2.3', worker: '7', ratio })
  const app = await startTestApp({}, { telemetry: { tracing } })
  closing.push(() => app.close())
  return { app, receiver, tracing }
}

const spansIn = (bodies: readonly string[]): ReceivedSpan[] =>
  bodies.flatMap((body) =>
    JSON.parse(body).resourceSpans.flatMap(({ scopeSpans }: { scopeSpans: { spans: ReceivedSpan[] }[] }) =>
      scopeSpans.flatMap(({ spans }) => spans),
    ),
  )

const attributesOf = ({ attributes }: ReceivedSpan) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

describe('tracing', () => {
  it('goes on with the caller’s trace: the request by its route, and what it asks of the database as parts of it', async () => {
    const { app, receiver, tracing } = await aTracedApp(1)
    const ann = await aPerson(app)
    const traceId = 'ffeeddccbbaa99887766554433221100'
    const { headers } = await ann.get('/users/me').set('traceparent', `00-${traceId}-0123456789abcdef-00`).expect(200)
    await app.request.get('/health/live').expect(200)
    await tracing.close()
    expect(receiver.requests[0]).toMatchObject({ path: '/v1/traces', headers: { 'x-tenant': 'ours' } })
    const bodies = receiver.requests.map(({ body }) => body)
    const spans = spansIn(bodies)
    const request = spans.find((span) => span.traceId === traceId && span.kind === 2)
    expect(request).toMatchObject({ name: 'GET /api/v1/users/me', parentSpanId: '0123456789abcdef' })
    expect(request && attributesOf(request)).toMatchObject({
      'http.request.method': 'GET',
      'http.route': '/api/v1/users/me',
      'http.response.status_code': 200,
      'heliograph.request_id': headers['x-request-id'],
    })
    const parts = spans.filter(({ parentSpanId }) => parentSpanId !== undefined && parentSpanId === request?.spanId)
    expect(parts.map(({ name }) => name)).toContain('find users')
    expect(spans.map(({ name }) => name)).toContain('POST /api/v1/auth/register')
    expect(spans.filter(({ name }) => name.includes('health'))).toEqual([])
    for (const secret of [ann.phone, ann.password, ann.accessToken, ann.id]) expect(bodies.join()).not.toContain(secret)
    expect(bodies[0]).toContain('"service.name"')
  })

  it('is of the share of requests that is configured, whatever the caller says', async () => {
    const { app, receiver, tracing } = await aTracedApp(0)
    await app.request
      .get('/api/v1/config')
      .set('traceparent', `00-${'1'.repeat(32)}-0123456789abcdef-01`)
      .expect(200)
    await tracing.close()
    expect(receiver.requests).toEqual([])
  })

  it('takes a header that is none for none', async () => {
    const { app, receiver, tracing } = await aTracedApp(1)
    for (const header of ['', 'nonsense', `00-${'0'.repeat(32)}-0123456789abcdef-01`]) {
      await app.request.get('/api/v1/config').set('traceparent', header).expect(200)
    }
    await tracing.close()
    const requests = spansIn(receiver.requests.map(({ body }) => body)).filter(({ name }) => name === 'GET /api/v1/config')
    expect(requests).toHaveLength(3)
    for (const { traceId, parentSpanId } of requests) expect([/^0*$/.test(traceId), parentSpanId ?? '']).toEqual([false, ''])
  })

  it('holds up nobody where the receiver is away', async () => {
    const tracing = new Tracing({ endpoint: 'http://127.0.0.1:1', headers: {}, serviceName: 'chat', version: '1', worker: '0', ratio: 1 })
    const app = await startTestApp({}, { telemetry: { tracing } })
    closing.push(() => app.close())
    for (let n = 0; n < 20; n++) await app.request.get('/api/v1/config').expect(200)
    await tracing.close()
  })
})

describe('the settings of tracing and errors', () => {
  const environment = { JWT_SECRET: 'Zq0v'.repeat(12) }

  it('are nothing where nothing is configured', async () => {
    const { telemetry } = readConfig(environment)
    expect(await openTelemetry(telemetry)).toEqual({})
  })

  it('are those of OpenTelemetry and of Sentry', () => {
    const { telemetry } = readConfig({
      ...environment,
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://otel.internal:4318/',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20abc,x-tenant=a',
      OTEL_TRACES_SAMPLER_ARG: '0.25',
      SENTRY_DSN: 'https://abc@o1.ingest.sentry.io/2',
      APP_VERSION: '2.0.0',
      NODE_APP_INSTANCE: '3',
    })
    expect(telemetry.tracing).toEqual({
      endpoint: 'http://otel.internal:4318',
      headers: { authorization: 'Bearer abc', 'x-tenant': 'a' },
      serviceName: 'heliograph',
      version: '2.0.0',
      worker: '3',
      ratio: 0.25,
    })
    expect(telemetry.errors).toMatchObject({ environment: 'development', release: '2.0.0', worker: '3' })
  })

  it.each([
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'otel.internal:4318'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'only-a-secret'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'a=%E0%A4%A'],
    ['OTEL_TRACES_SAMPLER_ARG', '1.5'],
    ['SENTRY_DSN', 'sentry.io'],
  ])('%s cannot be %j, and the message does not repeat it', (name, value) => {
    expect(() => readConfig({ ...environment, [name]: value })).toThrow(
      new RegExp(`${name}: (?!.*${value.replaceAll(/\W/g, String.raw`\$&`)})`),
    )
  })
})
