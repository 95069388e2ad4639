import { z } from 'zod'
import { limitNames } from '../../http/limits-table.js'

const Count = z.int().positive()
const Seconds = Count.meta({ description: 'Seconds' })

const UploadRule = z.object({
  maxBytes: Count,
  types: z.array(z.string()).meta({ description: 'image/* or image/png; any where there are none' }),
})

/** What a client must know before anybody signs in. */
export const ClientConfig = z
  .object({
    version: z.string(),
    signIn: z.object({
      methods: z
        .array(z.enum(['password', 'code', 'qr']))
        .meta({ description: 'code = sent to the phone; qr = by a phone that is signed in' }),
      phoneVerification: z.enum(['required', 'optional']).meta({ description: 'Whether to register takes a registrationToken' }),
    }),
    password: z.object({
      minLength: Count,
      maxLength: Count,
      requireUppercase: z.boolean(),
      requireLowercase: z.boolean(),
      requireDigits: z.boolean(),
      requireSpecial: z.boolean(),
    }),
    tokens: z.object({
      accessSeconds: Seconds,
      refreshSeconds: Seconds,
      sessionSeconds: Seconds,
      web: z.object({ refreshSeconds: Seconds, sessionSeconds: Seconds }).meta({ description: 'The same of browsers' }),
    }),
    messages: z.object({
      maxCharacters: Count.meta({ description: 'Graphemes' }),
      maxBytes: Count.meta({ description: 'In UTF-8' }),
      maxMentions: Count,
      editableSeconds: Seconds,
    }),
    uploads: z.object({
      attachment: UploadRule,
      avatar: UploadRule,
      maxAttachments: Count.meta({ description: 'Of one message' }),
      maxBytesInOnePut: Count.meta({ description: 'What is larger comes in parts' }),
      quotaBytes: Count.meta({ description: 'Of one person, all together' }),
      dailyBytes: Count.meta({ description: 'Of one person in a day (UTC)' }),
    }),
    groups: z.object({ maxMembers: Count, maxAddedAtOnce: Count }),
    requests: z.object({ maxBodyBytes: Count, defaultPageSize: Count, maxPageSize: Count }),
    events: z.object({ keptSeconds: Seconds.meta({ description: 'Who was away longer is told to fetch all' }) }),
    limits: z
      .array(z.object({ name: z.enum(limitNames), by: z.string(), requests: Count, windowSeconds: z.number().positive() }))
      .meta({ description: 'So many requests in a sliding window, for each that they are counted by' }),
  })
  .meta({ id: 'ClientConfig' })
export type ClientConfig = z.infer<typeof ClientConfig>
