import { streamEndpoint } from '../../http/endpoint.js'
import { StreamQuery } from './schema.js'

export const openStream = streamEndpoint({
  method: 'get',
  path: '/sse',
  summary: 'Everything that happens to you, as Server-Sent Events',
  access: 'user',
  limit: 'streams',
  request: { query: StreamQuery },
  streams: 'text/event-stream',
  async open({ context, caller, query, request, response }) {
    await context.streams.open(caller, response, request.header('Last-Event-ID') ?? query.lastEventId)
  },
})
