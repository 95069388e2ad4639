import { type UserView, viewUser } from '../users/index.js'
import type { PersonView } from './schema.js'
import type { PersonWithPresence, SeenPerson } from './service.js'

export const viewSeen = ({ user, withPhone }: SeenPerson): UserView => viewUser(user, { withPhone })

export const viewPerson = ({ presence, ...person }: PersonWithPresence): PersonView => ({
  ...viewSeen(person),
  presence: presence && { online: presence.online, lastSeenAt: presence.lastSeenAt?.toISOString() ?? null },
})
