export { issueTicket, openStream } from './routes.js'
export { StreamService } from './service.js'
export { MemoryTickets, RedisTickets } from './tickets.js'
