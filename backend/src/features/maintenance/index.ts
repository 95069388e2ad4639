export { Maintenance, type MaintenanceDocument } from './maintenance.js'
export { orphanedSessions } from './orphaned-sessions.js'
export { voidSessions } from './void-sessions.js'
