import type { IncomingMessage, ServerResponse } from 'node:http'
import { Registry } from 'prom-client'
import { processMetrics } from '../../platform/metrics/process-metrics.js'

/** Answers in Prometheus' text format 0.0.4. */
export const answerMetrics = async (registry: Registry, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const text = await Registry.merge([processMetrics(), registry]).metrics()
  response.setHeader('Content-Type', Registry.PROMETHEUS_CONTENT_TYPE)
  response.setHeader('Cache-Control', 'no-store')
  response.end(request.method === 'HEAD' ? undefined : text)
}
