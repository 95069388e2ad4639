import { showsPresence, type UserDocument } from './model.js'
import type { MeView } from './schema.js'

export const viewMe = (user: UserDocument): MeView => ({
  id: user._id.toHexString(),
  name: user.name,
  phone: user.phone,
  settings: { presence: showsPresence(user) },
  createdAt: user.createdAt.toISOString(),
})
