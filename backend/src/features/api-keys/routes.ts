import { endpoint } from '../../http/endpoint.js'
import { PageQuery } from '../../http/page.js'
import { ApiKeyPage, ApiKeyParams, CreateApiKey, CreatedApiKey, ServiceTokenView, TokenRequest } from './schema.js'
import { viewApiKey } from './view.js'

export const exchangeApiKey = endpoint({
  method: 'post',
  path: '/auth/token',
  summary: 'Trade an API key for a machine’s access token',
  access: 'anyone',
  limit: 'service_token',
  request: { body: TokenRequest },
  responses: { 200: ServiceTokenView },
  async handler({ context, body, origin }) {
    return { status: 200, body: await context.apiKeys.exchange(body.apiKey, origin) }
  },
})

export const createApiKey = endpoint({
  method: 'post',
  path: '/admin/api-keys',
  summary: 'Make an API key, which is shown this once',
  access: 'admin',
  limit: 'api',
  idempotent: 'thing',
  request: { body: CreateApiKey },
  responses: { 201: CreatedApiKey },
  async handler({ context, caller, body, origin, newId }) {
    const { key, apiKey } = await context.apiKeys.create(caller, body, origin, newId)
    return { status: 201, body: { ...viewApiKey(key), apiKey } }
  },
})

export const listApiKeys = endpoint({
  method: 'get',
  path: '/admin/api-keys',
  summary: 'All API keys, newest first',
  access: 'admin',
  limit: 'api',
  request: { query: PageQuery },
  responses: { 200: ApiKeyPage },
  async handler({ context, query }) {
    const { items, nextCursor } = await context.apiKeys.list(query)
    return { status: 200, body: { items: items.map(viewApiKey), nextCursor } }
  },
})

export const revokeApiKey = endpoint({
  method: 'delete',
  path: '/admin/api-keys/:apiKeyId',
  summary: 'End an API key and its tokens',
  access: 'admin',
  limit: 'api',
  request: { params: ApiKeyParams },
  responses: { 204: null },
  async handler({ context, caller, params, origin }) {
    await context.apiKeys.revoke(caller, params.apiKeyId, origin)
    return { status: 204 }
  },
})
