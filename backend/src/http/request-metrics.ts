import type { Request, RequestHandler, Response } from 'express'
import { Counter, Histogram, type Registry } from 'prom-client'
import type { AnyEndpoint } from './endpoint.js'
import { isProbe } from './probes.js'

/** Endpoints by their whole paths, as they are declared. */
export type DeclaredRoutes = ReadonlyMap<string, readonly AnyEndpoint[]>

const methods = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD'])
/** Of a request whose client went before it was answered, as nginx has it. */
const clientClosed = 499

/**
 * Counts what is answered, by the route that was declared: a path has ids in it, and there would be no end to them. What is no endpoint is `other`.
 * An event stream is counted when it ends, and how long it took says nothing. What probes ask is not counted.
 */
export const requestMetrics = (
  registry: Registry,
  routes: DeclaredRoutes,
  onAnswered: (endpoint: AnyEndpoint, status: number) => void,
): RequestHandler => {
  const labelNames = ['method', 'route', 'status_code']
  const requests = new Counter({ name: 'http_requests_total', help: 'Requests that were answered', labelNames, registers: [registry] })
  const durations = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'From when a request had been read up to its headers, until its answer was written; without event streams',
    labelNames,
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  })
  const count = (request: Request, response: Response, startedAt: number): void => {
    const path: unknown = request.route?.path
    const declared = typeof path === 'string' ? routes.get(path) : undefined
    const method = methods.has(request.method) ? request.method : 'other'
    const status = response.headersSent ? response.statusCode : clientClosed
    const labels = { method, route: declared ? String(path) : 'other', status_code: status }
    requests.inc(labels)
    const endpoint = declared?.find((each) => each.method === method.toLowerCase())
    if (endpoint?.streams !== 'text/event-stream') durations.observe(labels, (performance.now() - startedAt) / 1000)
    if (endpoint) onAnswered(endpoint, status)
  }
  return (request, response, next) => {
    if (isProbe(request.path)) return next()
    const startedAt = performance.now()
    response.on('close', () => count(request, response, startedAt)) // comes once; `once` would keep a wrapper with each stream
    next()
  }
}

/** @param routes endpoints by what their paths begin with */
export const declaredRoutes = (routes: Readonly<Record<string, readonly AnyEndpoint[]>>): DeclaredRoutes =>
  Object.entries(routes)
    .flatMap(([base, endpoints]) => endpoints.map((endpoint) => [base + endpoint.path, endpoint] as const))
    .reduce((byPath, [path, endpoint]) => byPath.set(path, [...(byPath.get(path) ?? []), endpoint]), new Map<string, AnyEndpoint[]>())
