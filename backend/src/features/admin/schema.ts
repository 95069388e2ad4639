import { z } from 'zod'
import { Id } from '../../http/ids.js'
import { PageQuery, pageOf } from '../../http/page.js'
import { Phone } from '../../http/phone.js'
import { DisplayName } from '../../http/text.js'
import { Password } from '../accounts/index.js'
import { foldName } from '../users/index.js'

export const UserParams = z.object({ userId: Id })

const Flag = z.enum(['true', 'false']).transform((text) => text === 'true')

export const UsersQuery = PageQuery.extend({
  /** The beginning of a name, or of a phone with its `+`. */
  q: z
    .string()
    .max(100)
    .normalize('NFC')
    .trim()
    .refine((text) => foldName(text).length > 0, 'at least one character')
    .refine((text) => !/\p{Cc}/u.test(text), 'no control characters')
    .optional(),
  role: z.enum(['user', 'admin']).optional(),
  suspended: Flag.optional(),
})
export type UsersQuery = z.output<typeof UsersQuery>

/** A person as administrators see them. */
export const AdminUserView = z
  .object({
    id: Id,
    name: z.string(),
    phone: z.string(),
    role: z.enum(['user', 'admin']),
    suspendedAt: z.iso.datetime().nullable(),
    mustChangePassword: z.boolean(),
    lastSeenAt: z.iso.datetime().nullable(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'AdminUser' })
export type AdminUserView = z.infer<typeof AdminUserView>

export const AdminUsersPage = pageOf(AdminUserView)

const Count = z.int().nonnegative()

export const Stats = z
  .object({
    users: Count,
    sessions: Count.meta({ description: 'Those that ended lately count too' }),
    conversations: Count,
    messages: Count,
    outboxPending: Count.meta({ description: 'Documents with events that are to be told, or were told less than a minute ago' }),
    lockdownAt: z.iso.datetime().nullable(),
    sessionsValidFrom: z.iso.datetime().nullable(),
    worker: z.object({ number: z.string(), streams: Count, slowDisconnects: Count, uptimeSeconds: Count }),
  })
  .meta({ id: 'Stats' })
export type Stats = z.infer<typeof Stats>

export const NewAdministrator = z.strictObject({ phone: Phone, name: DisplayName, password: Password })
export type NewAdministrator = z.infer<typeof NewAdministrator>
