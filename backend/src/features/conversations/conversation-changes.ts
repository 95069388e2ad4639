import { isDeepStrictEqual } from 'node:util'
import { type Change, joinIds, type Situation } from './change.js'
import { settingsOf } from './model.js'
import { requirePermission } from './permissions.js'
import type { EditConversation } from './schema.js'
import { recipientsOf } from './told-data.js'

/** Name, description and settings. @throws Problem forbidden */
export const editing =
  (input: EditConversation) =>
  ({ conversation, actor }: Situation): Change | undefined => {
    requirePermission(actor.role, 'edit')
    const { name = conversation.name, description = conversation.description } = input
    const before = settingsOf(conversation)
    const settings = { ...before, history: input.settings?.history ?? before.history }
    const renamed = name !== conversation.name
    if (!renamed && description === conversation.description && isDeepStrictEqual(settings, before)) return undefined
    const data = { ...recipientsOf(conversation.members), ...(renamed && name !== null && { name }) }
    return { set: { name, description, settings }, events: [{ type: 'conversation.updated', data }] }
  }

/** The end of a group, for all. It stays as a document without members. @throws Problem forbidden */
export const deleting = ({ conversation, actor, at }: Situation): Change => {
  requirePermission(actor.role, 'delete')
  return {
    set: { members: [], deletedAt: at },
    events: [{ type: 'conversation.deleted', data: { userIds: joinIds(conversation.members) } }],
  }
}
