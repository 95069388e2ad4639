import { BlockService, Blocks, blockSource } from '../features/blocks/index.js'
import { SharedConversations } from '../features/conversations/index.js'
import { companyOf } from '../features/people/index.js'
import { UserClosing, UserIdentities, UserService, userSource } from '../features/users/index.js'
import type { Base } from './base.js'
import type { UploadUsesContext } from './uploads.js'

export type Users = ReturnType<typeof createUsers>

/** Who there is, who shares a conversation with whom, and who has blocked whom. */
export const createUsers = ({ collection, models, hub, outbox, leases: { worker } }: Base, { uploadUses }: UploadUsesContext) => {
  const shared = new SharedConversations({ conversations: models.conversations })
  const blocks = new Blocks({ blocks: models.blocks, hub })
  const userOutbox = userSource({ collection: () => collection('users'), companyOf: companyOf({ shared, blocks }) })
  const known = { users: models.users, outbox, source: userOutbox, worker }
  const users = new UserService({ ...known, useAsAvatar: (userId, uploadId) => uploadUses.useAsAvatar(userId, uploadId) })
  const identities = new UserIdentities(known)
  const userClosing = new UserClosing(known)
  const blockOutbox = blockSource(() => collection('blocks'))
  const blockService = new BlockService({ documents: models.blocks, blocks, users, outbox, source: blockOutbox, worker })
  return { shared, blocks, users, identities, userClosing, blockService, userOutbox, blockOutbox }
}
