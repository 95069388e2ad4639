import { hasPhone, settingsOf, type UserDocument } from './model.js'
import type { MeView, UserView } from './schema.js'

/** What others see of a person; the phone only where they may. */
export const viewUser = (user: UserDocument, { withPhone }: { readonly withPhone: boolean }): UserView => ({
  id: user._id.toHexString(),
  name: user.name,
  avatarUploadId: user.avatarUploadId?.toHexString() ?? null,
  about: user.about ?? null,
  ...(withPhone && hasPhone(user) && { phone: user.phone }),
  ...(user.deletedAt && { deleted: true }),
  createdAt: user.createdAt.toISOString(),
  version: user.version,
})

export const viewMe = (user: UserDocument): MeView => ({
  ...viewUser(user, { withPhone: false }),
  phone: user.phone,
  email: user.email ?? null,
  verified: { phone: user.phoneVerifiedAt !== undefined, email: user.emailVerifiedAt !== undefined },
  settings: settingsOf(user),
  mustChangePassword: user.mustChangePassword ?? false,
})
