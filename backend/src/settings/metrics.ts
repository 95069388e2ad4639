import type { Config } from '../config.js'

interface Values {
  readonly HOST: string
  readonly METRICS_PORT: number | undefined
  readonly METRICS_HOST: string | undefined
  readonly METRICS_CERT_FILE: string | undefined
  readonly TLS_CERT_FILE: string | undefined
}

/** Where a worker answers for itself: workers that share a port could not be told apart at it. */
export const metricsOf = (
  { HOST, METRICS_PORT, METRICS_HOST, METRICS_CERT_FILE, TLS_CERT_FILE }: Values,
  worker: string,
  { clustered }: { readonly clustered: boolean },
): Config['metrics'] => ({
  port: METRICS_PORT === undefined || METRICS_PORT === 0 ? METRICS_PORT : METRICS_PORT + (Number(worker) || 0),
  host: METRICS_HOST ?? HOST,
  certificateFile: METRICS_CERT_FILE ?? TLS_CERT_FILE,
  beside: METRICS_PORT === undefined && !clustered,
})
