import { endpoint } from '../../http/endpoint.js'
import { ClientConfig } from './schema.js'
import { viewClientConfig } from './view.js'

/** It changes when the server starts anew. */
const cacheSeconds = 300

export const getConfig = endpoint({
  method: 'get',
  path: '/config',
  summary: 'What a client must know before anybody signs in',
  access: 'anyone',
  limit: 'anonymous',
  request: {},
  responses: { 200: ClientConfig },
  async handler({ context }) {
    return { status: 200, body: viewClientConfig(context.config), headers: { 'Cache-Control': `public, max-age=${cacheSeconds}` } }
  },
})
