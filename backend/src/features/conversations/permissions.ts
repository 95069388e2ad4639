import { Problem } from '../../http/problem.js'
import { type Role, roles } from './model.js'

/** What not every member of a group may do. Reading, sending and leaving need no permission but to be a member. */
export type Action = 'edit' | 'delete' | 'addMembers' | 'invite' | 'changeRoles' | 'deleteMessages' | `remove:${Role}`

/** Who may what in a group. Nobody removes the owner. */
export const permissions: Readonly<Record<Role, readonly Action[]>> = {
  member: [],
  admin: ['edit', 'addMembers', 'invite', 'deleteMessages', 'remove:member'],
  owner: ['edit', 'addMembers', 'invite', 'deleteMessages', 'remove:member', 'remove:admin', 'changeRoles', 'delete'],
}

export const rolesThatMay = (action: Action): Role[] => roles.filter((role) => permissions[role].includes(action))

/** @throws Problem forbidden */
export const requirePermission = (role: Role, action: Action): void => {
  if (permissions[role].includes(action)) return
  throw new Problem('forbidden', action === 'remove:owner' ? 'Nobody removes the owner' : `A group's ${role} may not do this`)
}
