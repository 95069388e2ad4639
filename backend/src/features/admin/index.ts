export { endAllSessions, lockDown, reopen } from './closing-routes.js'
export { ClosingService } from './closing-service.js'
