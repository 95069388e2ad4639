import { afterEach, describe, expect, it } from 'vitest'
import { startTestApp, type TestApp } from './support/test-app.js'

const apps: TestApp[] = []
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close()
})
const configOf = async (environment: Record<string, string> = {}) => {
  const app = await startTestApp(environment)
  apps.push(app)
  return app.request.get('/api/v1/config').expect(200)
}

describe('GET /config', () => {
  it('tells a stranger what a client must know', async () => {
    const { body } = await configOf({ APP_VERSION: '7.8.9', EVENT_LOG_TTL: '2h', ACCESS_TOKEN_TTL: '5m' })
    expect(body).toMatchObject({
      version: '7.8.9',
      signIn: { methods: ['password', 'code', 'qr'], phoneVerification: 'optional' },
      tokens: { accessSeconds: 300, refreshSeconds: 30 * 86_400 },
      messages: { maxCharacters: 8000, maxBytes: 65_536, maxMentions: 50, editableSeconds: 86_400 },
      groups: { maxMembers: 1024, maxAddedAtOnce: 100 },
      requests: { maxBodyBytes: 262_144, defaultPageSize: 50, maxPageSize: 100 },
      events: { keptSeconds: 7200 },
    })
  })

  it('tells the rules of passwords', async () => {
    const environment = {
      PASSWORD_MIN_LENGTH: '14',
      PASSWORD_MAX_LENGTH: '99',
      PASSWORD_REQUIRE_SPECIAL: 'false',
      PHONE_VERIFICATION: 'required',
    }
    const { body } = await configOf(environment)
    expect(body.password).toMatchObject({
      minLength: 14,
      maxLength: 99,
      requireUppercase: true,
      requireDigits: true,
      requireSpecial: false,
    })
    expect(body.signIn.phoneVerification).toBe('required')
  })

  it('tells every limit as it is set', async () => {
    const { body } = await configOf({
      LIMIT_LOGIN: '7/min',
      LIMIT_MESSAGES: '',
      LIMIT_OTP: '',
      RATE_LIMIT_MAX_REQUESTS: '50',
      LIMIT_ANONYMOUS: '',
    })
    expect(body.limits).toEqual(
      expect.arrayContaining([
        { name: 'anonymous', by: 'ip', requests: 50, windowSeconds: 900 },
        { name: 'login', by: 'ip', requests: 7, windowSeconds: 60 },
        { name: 'login', by: 'account', requests: 7, windowSeconds: 60 },
        { name: 'otp', by: 'phone', requests: 3, windowSeconds: 3600 },
        { name: 'otp', by: 'ip', requests: 10, windowSeconds: 3600 },
        { name: 'messages', by: 'user', requests: 60, windowSeconds: 3 },
      ]),
    )
  })

  it('may be kept for five minutes, and holds nothing secret', async () => {
    const { headers, text } = await configOf({ AUTH_PEPPER: 'Zq0v'.repeat(12), REDIS_PASSWORD: '' })
    expect(headers['cache-control']).toBe('public, max-age=300')
    expect(text).not.toContain('Zq0v')
    expect(text).not.toMatch(/mongodb:|redis:|secret/i)
  })
})
