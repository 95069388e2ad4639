import { isDeepStrictEqual } from 'node:util'
import { toObjectId } from '../../http/ids.js'
import { Problem } from '../../http/problem.js'
import { type Change, joinIds, type Situation } from './change.js'
import { settingsOf } from './model.js'
import { requirePermission } from './permissions.js'
import type { EditConversation } from './schema.js'
import { recipientsOf } from './told-data.js'

/**
 * Name, description, avatar and settings. Of a direct conversation either of the two may set after how long messages disappear, and nothing else.
 * @throws Problem forbidden, conflict
 */
export const editing =
  (input: EditConversation) =>
  ({ conversation, actor }: Situation): Change | undefined => {
    if (conversation.type === 'direct') requireDirectEdit(input)
    else requirePermission(actor.role, 'edit')
    const { name = conversation.name, description = conversation.description } = input
    const formerAvatar = conversation.avatarUploadId?.toHexString() ?? null
    const { avatarUploadId: avatar = formerAvatar } = input
    const before = settingsOf(conversation)
    const { history = before.history, disappearAfterSeconds = before.disappearAfterSeconds } = input.settings ?? {}
    const settings = { history, disappearAfterSeconds }
    const renamed = name !== conversation.name
    const same = !renamed && avatar === formerAvatar
    if (same && description === conversation.description && isDeepStrictEqual(settings, before)) return undefined
    const data = {
      ...recipientsOf(conversation.members),
      ...(renamed && name !== null && { name }),
      ...(disappearAfterSeconds !== before.disappearAfterSeconds && { settings: 'true' }), // what workers believe of it is over
    }
    const set = { name, description, settings, ...(avatar !== null && { avatarUploadId: toObjectId(avatar) }) }
    return { set, ...(avatar === null && { unset: { avatarUploadId: '' } }), events: [{ type: 'conversation.updated', data }] }
  }

const requireDirectEdit = ({ name, description, avatarUploadId, settings }: EditConversation): void => {
  const others = [name, description, avatarUploadId, settings?.history]
  if (others.some((given) => given !== undefined))
    throw new Problem('conflict', 'A direct conversation stays as it is, with its two members')
}

/** The end of a group, for all. It stays as a document without members. @throws Problem forbidden */
export const deleting = ({ conversation, actor, at }: Situation): Change => {
  requirePermission(actor.role, 'delete')
  return {
    set: { members: [], deletedAt: at },
    events: [{ type: 'conversation.deleted', data: { userIds: joinIds(conversation.members) } }],
  }
}
