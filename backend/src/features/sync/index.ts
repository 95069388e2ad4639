export { type MomentMargins, Moments } from './moments.js'
export { sync } from './routes.js'
export { SyncService } from './service.js'
