import type { UserDocument } from '../users/index.js'
import type { AdminUserView } from './schema.js'

export const viewUser = (user: UserDocument): AdminUserView => ({
  id: user._id.toHexString(),
  name: user.name,
  phone: user.phone,
  role: user.role ?? 'user',
  suspendedAt: user.suspendedAt?.toISOString() ?? null,
  mustChangePassword: user.mustChangePassword ?? false,
  lastSeenAt: user.lastSeenAt?.toISOString() ?? null,
  createdAt: user.createdAt.toISOString(),
})
