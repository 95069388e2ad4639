import { z } from 'zod'
import { scopes } from '../../http/endpoint.js'
import { Id } from '../../http/ids.js'
import { pageOf } from '../../http/page.js'
import { DisplayName } from '../../http/text.js'

const dayMs = 86_400_000
const mostDays = 730
const defaultDays = 90

const Expiry = z.iso
  .datetime()
  .transform((text) => new Date(text))
  .refine((at) => at.getTime() > Date.now(), 'a time to come')
  .refine((at) => at.getTime() <= Date.now() + mostDays * dayMs, `at most ${mostDays} days from now`)

export const CreateApiKey = z.strictObject({
  name: DisplayName,
  scopes: z
    .array(z.enum(scopes))
    .min(1)
    .max(scopes.length)
    .refine((named) => new Set(named).size === named.length, 'each once'),
  /** In 90 days where it is not given. */
  expiresAt: Expiry.default(() => new Date(Date.now() + defaultDays * dayMs)),
})
export type CreateApiKey = z.infer<typeof CreateApiKey>

export const ApiKeyParams = z.object({ apiKeyId: Id })

export const ApiKeyView = z
  .object({
    id: Id,
    name: z.string(),
    prefix: z.string().meta({ description: 'How the key begins' }),
    scopes: z.array(z.enum(scopes)),
    createdBy: Id,
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime(),
    lastUsedAt: z.iso.datetime().nullable(),
    revokedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'ApiKey' })
export type ApiKeyView = z.infer<typeof ApiKeyView>

export const ApiKeyPage = pageOf(ApiKeyView)

export const CreatedApiKey = ApiKeyView.extend({ apiKey: z.string().meta({ description: 'Shown this once' }) }).meta({
  id: 'CreatedApiKey',
})

export const TokenRequest = z.strictObject({ apiKey: z.string().min(1).max(200) })

export const ServiceTokenView = z
  .object({ accessToken: z.string(), expiresIn: z.int().positive().meta({ description: 'Seconds' }) })
  .meta({ id: 'ServiceToken' })
