import { z } from 'zod'
import { url } from '../values.js'
import { type Variable, variable } from '../variable.js'

/** `authorization=Bearer%20x,tenant=a`, as OpenTelemetry has them: percent-encoded. */
const otlpHeaders = z
  .string()
  .regex(/^[\w-]+=[^,=\s]+(,[\w-]+=[^,=\s]+)*$/, 'headers such as authorization=Bearer%20abc, separated by commas')
  .transform((text, { issues }) => {
    try {
      return Object.fromEntries(text.split(',').map((pair) => pair.split('=').map(decodeURIComponent) as [string, string]))
    } catch {
      issues.push({ code: 'custom', input: text, message: 'percent-encoded' })
      return z.NEVER
    }
  })
  .optional()

export const tracingAndErrorsVariables = {
  OTEL_EXPORTER_OTLP_ENDPOINT: variable(
    'Tracing and errors',
    'Traces go to this receiver of OpenTelemetry, over HTTP; none are made where unset',
    'http://127.0.0.1:4318',
    url(/^https?:\/\/[^\s?#]+$/, 'http://127.0.0.1:4318').optional(),
  ),
  OTEL_EXPORTER_OTLP_HEADERS: variable(
    'Tracing and errors',
    'What the receiver wants to be sent: name=value, separated by commas',
    '',
    otlpHeaders,
    { secret: true },
  ),
  OTEL_SERVICE_NAME: variable('Tracing and errors', 'What traces call the service', 'heliograph', z.string().max(64).default('heliograph')),
  OTEL_TRACES_SAMPLER_ARG: variable(
    'Tracing and errors',
    'The share of requests that are traced, 0 to 1',
    '0.1',
    z
      .string()
      .regex(/^(0(\.\d{1,6})?|1)$/, 'a share such as 0.1')
      .default('0.1')
      .transform(Number),
  ),
  SENTRY_DSN: variable(
    'Tracing and errors',
    'Errors that nobody expected are told to this project of Sentry, without headers, cookies and bodies; to nobody where unset',
    '',
    z.url({ protocol: /^https?$/ }).optional(),
    { secret: true },
  ),
} satisfies Record<string, Variable>
