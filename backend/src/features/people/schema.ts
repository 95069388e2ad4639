import { z } from 'zod'
import { Id } from '../../http/ids.js'
import { PageQuery, pageOf } from '../../http/page.js'
import { foldName, UserView } from '../users/index.js'

const mostInBatch = 100
const mostPhones = 500

export const PersonParams = z.strictObject({ userId: Id })

export const SearchPeople = PageQuery.extend({
  q: z
    .string()
    .max(100)
    .meta({ description: 'How the name begins, at least 2 characters; case and accents do not matter' })
    .transform(foldName)
    .refine((beginning) => /^..+/su.test(beginning), 'at least 2 characters'),
})

export const PeoplePage = pageOf(UserView)

export const BatchOfPeople = z.strictObject({
  ids: z
    .array(Id)
    .min(1)
    .max(mostInBatch)
    .refine((ids) => new Set(ids).size === ids.length, 'the same person twice'),
})

const Presence = z.object({ online: z.boolean(), lastSeenAt: z.iso.datetime().nullable() })

export const PersonView = UserView.extend({
  presence: Presence.nullable().meta({ description: 'null where you may not see it, or it is not known' }),
}).meta({ id: 'UserWithPresence' })
export type PersonView = z.infer<typeof PersonView>

export const People = z.object({ items: z.array(PersonView).meta({ description: 'Without those who are not there for you' }) })

/** Only the shape is checked: address books hold numbers that nobody has. */
const Phone = z.string().regex(/^\+[1-9]\d{6,14}$/, 'a phone number in E.164, such as +4915112345678')

export const LookUpContacts = z.strictObject({ phones: z.array(Phone).min(1).max(mostPhones) })

export const FoundContacts = z.object({ items: z.array(UserView).meta({ description: 'Each with the phone by which it was found' }) })
