export { type SessionDocument, sessionSchema } from './model.js'
export { Device, SessionView } from './schema.js'
export { SessionService } from './service.js'
export { viewSession } from './view.js'
