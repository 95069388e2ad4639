import { z } from 'zod'
import { secret, url } from '../values.js'
import { type Variable, variable } from '../variable.js'

export const alertsVariables = {
  SECURITY_WEBHOOK_URL: variable(
    'Alerts',
    'Where security alerts are posted, as JSON',
    'https://alerts.example.com/heliograph',
    url(/^https?:\/\/\S+$/, 'https://alerts.example.com/heliograph').optional(),
  ),
  SECURITY_WEBHOOK_SECRET: variable(
    'Alerts',
    'Signs them: X-Heliograph-Signature is t=<seconds>,v1=<hex of the HMAC-SHA256 of "<seconds>.<body>">',
    '',
    secret.optional(),
    { secret: true },
  ),
  SECURITY_ALERT_EMAIL: variable('Alerts', 'Whom they are mailed to', 'security@example.com', z.email().optional()),
} satisfies Record<string, Variable>
