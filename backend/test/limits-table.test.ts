import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AnyEndpoint } from '../src/http/endpoint.js'
import { type LimitKey, limitNames, limitRow, limitsTable } from '../src/http/limits-table.js'
import { parseRates } from '../src/http/rates.js'
import { routes } from '../src/routes.js'
import { anAsker, limitedBy, repeat } from './support/limited.js'
import { startTestApp, type TestApp } from './support/test-app.js'

/** Counted by themselves: one of them differs, all else is the same. */
const together: Partial<Record<LimitKey, readonly LimitKey[]>> = { account: ['account', 'phone'], phone: ['account', 'phone'] }
const endpoints: readonly AnyEndpoint[] = Object.values(routes).flat()
const pairs = limitNames.flatMap((name) => limitRow(name).by.map((by) => ({ name, by })))

describe.each([
  ['with Redis', {}],
  ['without Redis', { REDIS_URL: '' }],
])('%s', (_place, environment) => {
  let app: TestApp
  beforeAll(async () => {
    const limits = Object.fromEntries(limitNames.map((name) => [`LIMIT_${name.toUpperCase()}`, '3/h']))
    app = await startTestApp({ ...limits, ...environment })
  })
  afterAll(() => app.close())

  it.each(pairs)('LIMIT_$name counts by $by, and says what is left and when to come back', async ({ name, by }) => {
    const ask = limitedBy(app, name)
    const asker = anAsker()
    // The same by this key, another one by every other.
    const same = () => ({ ...anAsker(), ...Object.fromEntries((together[by] ?? [by]).map((key) => [key, asker[key]])) })
    const first = await ask(same())
    expect(first.status).toBe(204)
    expect(first.headers).toMatchObject({
      'ratelimit-policy': expect.stringMatching(`"${name}-${by}"; q=3; w=3600`),
      ratelimit: expect.stringMatching(`"${name}-${by}"; r=2; t=\\d+`),
      'x-ratelimit-limit': '3',
      'x-ratelimit-remaining': '2',
      'x-ratelimit-reset': expect.stringMatching(/^\d+$/),
    })
    expect(first.headers).not.toHaveProperty('retry-after')
    expect(await repeat(2, () => ask(same()))).toEqual([204, 204])
    const refused = await ask(same())
    expect(refused.status).toBe(429)
    expect(refused.body).toMatchObject({ code: 'rate_limited', status: 429 })
    expect(refused.headers).toMatchObject({
      'content-type': expect.stringContaining('application/problem+json'),
      ratelimit: expect.stringMatching(`"${name}-${by}"; r=0; t=\\d+`),
      'x-ratelimit-remaining': '0',
    })
    const seconds = Number(refused.headers['retry-after'])
    expect(seconds).toBeGreaterThanOrEqual(1)
    expect(seconds).toBeLessThanOrEqual(2 * 3600)
    expect((await ask(anAsker())).status).toBe(204)
  })
})

describe('the limits table', () => {
  it('has the numbers that are promised', () => {
    expect(Object.fromEntries(limitNames.map((name) => [name, limitsTable[name].rate]))).toEqual({
      anonymous: '100/15min',
      api: '1000/min',
      invites: '30/min',
      login: '5/min',
      register: '3/h',
      refresh: '10/min',
      otp: '3/h per phone, 10/h per ip',
      recovery: '3/h per account, 10/h per ip',
      qr: '20/min',
      service_token: '50/min',
      lookup: '10/h',
      profile: '60/h',
      reports: '20/h',
      exports: '10/d',
      messages: '20/s burst 60',
      search: '120/min',
      streams: '30/min',
      uploads: '60/h',
    })
  })

  it.each(limitNames)('gives %s a rate for all that it counts by', (name) => {
    const { rate, by } = limitRow(name)
    expect(Object.keys(parseRates(rate, by) ?? {}).toSorted()).toEqual([...by].toSorted())
  })
})

describe('every endpoint', () => {
  const unlimited = ['/health', '/health/live', '/health/ready', '/ready', '/metrics']
  /** Asked for when the address was signed; who comes with another one counts as a stranger. */
  const signed = ['/uploads/local/:object', '/uploads/local/:object/:multipart/:number']

  it.each(endpoints.map((declared) => [`${declared.method.toUpperCase()} ${declared.path}`, declared] as const))(
    '%s is limited by something that its callers have',
    (_name, { access, limit, path }) => {
      if (limit === 'none') return expect([...unlimited, ...signed]).toContain(path)
      const { by } = limitRow(limit)
      if (access === 'anyone') expect(by.filter((key) => key !== 'user' && key !== 'session')).not.toEqual([])
      else expect(by).not.toEqual([])
    },
  )
})
