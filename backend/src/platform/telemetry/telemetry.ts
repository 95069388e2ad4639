import type { ErrorReportSettings, ErrorReports } from './error-reports.js'
import type { Tracing, TracingSettings } from './tracing.js'

/** What others are told of how this server does. Nothing, unless it is configured. */
export interface Telemetry {
  readonly tracing?: Tracing
  readonly errors?: ErrorReports
}

export interface TelemetrySettings {
  readonly tracing: TracingSettings | undefined
  readonly errors: ErrorReportSettings | undefined
}

/** Loads what is configured, and nothing else: the libraries take memory and time. */
export const openTelemetry = async ({ tracing, errors }: TelemetrySettings): Promise<Telemetry> => ({
  ...(tracing && { tracing: new (await import('./tracing.js')).Tracing(tracing) }),
  ...(errors && { errors: new (await import('./error-reports.js')).ErrorReports(errors) }),
})

/** Sends what is left, for some seconds at most. */
export const closeTelemetry = async ({ tracing, errors }: Telemetry): Promise<void> => {
  await Promise.all([tracing?.close(), errors?.close()])
}
