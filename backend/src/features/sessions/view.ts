import type { SessionDocument } from './model.js'
import type { SessionView } from './schema.js'

export const viewSession = (session: SessionDocument): SessionView => ({
  id: session._id.toHexString(),
  device: session.device,
  createdAt: session.createdAt.toISOString(),
  lastSeenAt: session.lastSeenAt.toISOString(),
})
