import { z } from 'zod'
import { Id } from '../../http/ids.js'
import { DisplayName, multilineText } from '../../http/text.js'

const mostOfAbout = 500

const Settings = z.strictObject({
  presence: z.boolean().meta({ description: 'Whether those you talk with directly see that you are there' }),
  findableByPhone: z.boolean().meta({ description: 'Whether who has your phone number finds you by it' }),
  readReceipts: z.boolean().meta({
    description:
      'Whether others see how far you have read. In a direct conversation neither sees it of the other where one of the two says no',
  }),
})

const isEmpty = (given: object): boolean => Object.values(given).every((value) => value === undefined)

export const ChangeMe = z
  .strictObject({
    name: DisplayName.optional(),
    about: multilineText(mostOfAbout).nullable().optional().meta({ description: 'null = nothing' }),
    avatarUploadId: Id.nullable().optional().meta({ description: 'An upload of your own that is ready; null = none' }),
    settings: Settings.partial()
      .refine((settings) => !isEmpty(settings), 'nothing to change')
      .optional(),
  })
  .refine((change) => !isEmpty(change), 'nothing to change')
export type ChangeMe = z.infer<typeof ChangeMe>

/** What people see of each other. */
export const UserView = z
  .object({
    id: Id,
    name: z.string(),
    avatarUploadId: Id.nullable(),
    about: z.string().nullable(),
    phone: z.string().optional().meta({ description: 'Absent where you may not see it: it is shown to oneself and to contacts' }),
    deleted: z.literal(true).optional().meta({ description: 'Present where the account is deleted: nothing else is known of it' }),
    createdAt: z.iso.datetime(),
    version: z.int().positive().meta({ description: 'Of two the higher is newer' }),
  })
  .meta({ id: 'User' })
export type UserView = z.infer<typeof UserView>

/** Oneself: what only the person may see is here too. */
export const MeView = UserView.omit({ deleted: true })
  .extend({
    phone: z.string(),
    email: z.string().nullable(),
    verified: z.object({ phone: z.boolean(), email: z.boolean() }),
    settings: Settings,
    mustChangePassword: z.boolean().meta({ description: 'Whether the password has to be changed before anything else' }),
  })
  .meta({ id: 'Me' })
export type MeView = z.infer<typeof MeView>
