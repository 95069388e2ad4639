import { endpoint } from '../../http/endpoint.js'
import { Health, Liveness, Readiness } from './schema.js'

const comeAgain = { 'Retry-After': '2' }

export const getHealth = endpoint({
  method: 'get',
  path: '/health',
  summary: 'What works and what does not',
  access: 'anyone',
  limit: 'none',
  request: {},
  responses: { 200: Health, 503: Health },
  async handler({ context }) {
    const health = await context.operations.health()
    return health.status === 'unhealthy' ? { status: 503, body: health, headers: comeAgain } : { status: 200, body: health }
  },
})

export const getLiveness = endpoint({
  method: 'get',
  path: '/health/live',
  summary: 'The process answers',
  access: 'anyone',
  limit: 'none',
  request: {},
  responses: { 200: Liveness },
  handler() {
    return { status: 200, body: { status: 'live' } }
  },
})

const readiness = (path: '/health/ready' | '/ready') =>
  endpoint({
    method: 'get',
    path,
    summary: 'Requests may be sent here',
    access: 'anyone',
    limit: 'none',
    request: {},
    responses: { 200: Readiness, 503: Readiness },
    handler({ context }) {
      const status = context.operations.readiness()
      return status === 'ready' ? { status: 200, body: { status } } : { status: 503, body: { status }, headers: comeAgain }
    },
  })

export const getReadiness = readiness('/health/ready')
export const getReady = readiness('/ready')
