import type { InviteView } from './invite-schema.js'
import type { Invite } from './model.js'

/** @param frontendUrl where links lead, without a slash at its end */
export const viewInvite = ({ code, createdBy, createdAt, expiresAt, maxUses, uses }: Invite, frontendUrl: string): InviteView => ({
  code,
  url: `${frontendUrl}/invite/${code}`,
  createdBy: createdBy.toHexString(),
  createdAt: createdAt.toISOString(),
  expiresAt: expiresAt?.toISOString() ?? null,
  maxUses: maxUses ?? null,
  uses,
})
