import { endpoint, streamEndpoint } from '../../http/endpoint.js'
import { Problem } from '../../http/problem.js'
import { StreamQuery, TicketView } from './schema.js'
import { ticketTtlSeconds } from './tickets.js'

export const openStream = streamEndpoint({
  method: 'get',
  path: '/sse',
  summary: 'Everything that happens to you, as Server-Sent Events',
  access: 'ticket',
  limit: 'streams',
  request: { query: StreamQuery },
  streams: 'text/event-stream',
  async open({ context, caller, query, request, response }) {
    await context.streams.open(caller, response, request.header('Last-Event-ID') ?? query.lastEventId)
  },
})

export const issueTicket = endpoint({
  method: 'post',
  path: '/sse/ticket',
  summary: 'A ticket that opens one stream, for an EventSource, which sends no header',
  access: 'user',
  limit: 'streams',
  request: {},
  responses: { 201: TicketView },
  async handler({ context, caller }) {
    const ticket = await context.tickets.issue(caller).catch((error: unknown) => {
      throw new Problem('service_unavailable', 'Tickets cannot be had right now', { cause: error })
    })
    return { status: 201, body: { ticket, expiresIn: ticketTtlSeconds } }
  },
})
