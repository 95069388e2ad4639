import type { Config } from '../config.js'
import type { TelemetrySettings } from '../platform/telemetry/telemetry.js'

interface Values {
  readonly OTEL_EXPORTER_OTLP_ENDPOINT: string | undefined
  readonly OTEL_EXPORTER_OTLP_HEADERS: Readonly<Record<string, string>> | undefined
  readonly OTEL_SERVICE_NAME: string
  readonly OTEL_TRACES_SAMPLER_ARG: number
  readonly SENTRY_DSN: string | undefined
  readonly NODE_ENV: Config['environment']
  readonly APP_VERSION: string
}

export const telemetryOf = (values: Values, worker: string): TelemetrySettings => ({
  tracing:
    values.OTEL_EXPORTER_OTLP_ENDPOINT === undefined
      ? undefined
      : {
          endpoint: values.OTEL_EXPORTER_OTLP_ENDPOINT.replace(/\/+$/, ''),
          headers: values.OTEL_EXPORTER_OTLP_HEADERS ?? {},
          serviceName: values.OTEL_SERVICE_NAME,
          version: values.APP_VERSION,
          worker,
          ratio: values.OTEL_TRACES_SAMPLER_ARG,
        },
  errors:
    values.SENTRY_DSN === undefined
      ? undefined
      : { dsn: values.SENTRY_DSN, environment: values.NODE_ENV, release: values.APP_VERSION, worker },
})
