import { z } from 'zod'
import { Id } from '../../http/ids.js'
import { PageQuery, pageOf } from '../../http/page.js'

const mostUses = 10_000

const InviteCode = z
  .string()
  .regex(/^[\w-]{22}$/, 'not a code')
  .meta({ description: '128 random bits, base64url' })

export const InviteParams = z.strictObject({ code: InviteCode })
export const ListInvites = PageQuery

export const MakeInvite = z.strictObject({
  expiresAt: z.iso
    .datetime()
    .transform((text) => new Date(text))
    .refine((time) => time.getTime() > Date.now(), 'is over')
    .nullable()
    .default(null)
    .meta({ description: 'null = never' }),
  maxUses: z.int().min(1).max(mostUses).nullable().default(null).meta({ description: 'null = as many as the group has room for' }),
})
export type MakeInvite = z.infer<typeof MakeInvite>

export const InviteView = z
  .object({
    code: InviteCode,
    url: z.url(),
    createdBy: Id,
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().nullable(),
    maxUses: z.int().positive().nullable(),
    uses: z.int().min(0),
  })
  .meta({ id: 'Invite' })
export type InviteView = z.infer<typeof InviteView>

export const InvitePage = pageOf(InviteView)
