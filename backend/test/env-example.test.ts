import { describe, expect, it } from 'vitest'
import { readConfig } from '../src/config.js'
import type { Variable } from '../src/settings/variable.js'
import { variables } from '../src/settings/variables.js'
import { renderEnvExample } from './support/env-example.js'

describe('.env.example', () => {
  it('is what the variables say; vitest -u writes it', async () => {
    await expect(renderEnvExample()).toMatchFileSnapshot('../../.env.example')
  })

  it('shows every default as it is', () => {
    for (const [name, { schema, example }] of Object.entries<Variable>(variables)) {
      const fallback = schema.safeParse(undefined).data
      if (fallback === undefined || Array.isArray(fallback)) continue
      expect([name, schema.safeParse(example).data]).toEqual([name, fallback])
    }
  })

  it('shows nothing that the server would refuse', () => {
    const shown = Object.entries<Variable>(variables).filter(([, { example }]) => example !== '')
    const environment = Object.fromEntries(shown.map(([name, { example }]) => [name, example]))
    expect(() => readConfig({ ...environment, JWT_SECRET: 'Zq0v'.repeat(12), SECURITY_WEBHOOK_SECRET: 'Wt7h'.repeat(12) })).not.toThrow()
  })

  it('shows no secret that could be used', () => {
    const secrets = [
      'JWT_SECRET',
      'AUTH_PEPPER',
      'SECURITY_WEBHOOK_SECRET',
      'REDIS_PASSWORD',
      'SMS_HTTP_TOKEN',
      'AWS_SECRET_ACCESS_KEY',
      'SMTP_PASS',
    ] as const
    for (const name of secrets) expect(variables[name].example).toBe('')
  })
})
