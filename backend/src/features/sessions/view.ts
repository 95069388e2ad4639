import type { SessionDocument } from './model.js'
import type { SessionView } from './schema.js'

/** @param currentId the session that asks; this one itself where it has just been opened */
export const viewSession = (session: SessionDocument, currentId: string = session._id.toHexString()): SessionView => ({
  id: session._id.toHexString(),
  device: session.device,
  ip: session.ip ?? null,
  place: session.place ?? 'unknown',
  createdAt: session.createdAt.toISOString(),
  lastSeenAt: session.lastSeenAt.toISOString(),
  current: session._id.toHexString() === currentId,
})
