import { toObjectId } from '../../http/ids.js'
import { foldName } from './fold.js'
import type { ChangeMe } from './schema.js'

/** What a change writes; null takes a field away. `seenByOthers` is false where only oneself sees it: one's settings. */
export const changeOf = ({ name, about, avatarUploadId, settings }: ChangeMe) => {
  const set: Record<string, unknown> = {}
  const unset: Record<string, ''> = {}
  const change = (field: string, value: unknown): void => {
    if (value === null) unset[field] = ''
    else if (value !== undefined) set[field] = value
  }
  change('name', name)
  change('nameFolded', name === undefined ? undefined : foldName(name))
  change('about', about)
  change('avatarUploadId', avatarUploadId && toObjectId(avatarUploadId))
  const seenByOthers = Object.keys({ ...set, ...unset }).length > 0
  for (const [setting, value] of Object.entries(settings ?? {})) change(`settings.${setting}`, value)
  return {
    update: { ...(Object.keys(set).length > 0 && { $set: set }), ...(Object.keys(unset).length > 0 && { $unset: unset }) },
    seenByOthers,
  }
}
