import { z } from 'zod'
import { Id } from '../../http/ids.js'
import { pageOf } from '../../http/page.js'
import { isWellFormed } from '../../http/text.js'

const text = z.string().refine(isWellFormed, 'not well-formed Unicode').normalize('NFC')
const shown = { name: text.min(1).max(100), platform: text.max(50).optional(), appVersion: text.max(50).optional() }
export const DeviceView = z.strictObject(shown)

const mostPushToken = 4096
const PushToken = z.string().max(mostPushToken).optional().meta({ description: 'Taken and not kept: nothing is pushed to devices yet' })

/** What somebody signs in with. */
export const Device = z.strictObject({ ...shown, pushToken: PushToken }).transform(({ pushToken: _, ...kept }) => kept)

export const SessionParams = z.object({ sessionId: Id })

export const SessionView = z
  .object({
    id: Id,
    device: DeviceView.nullable(),
    ip: z.string().nullable(),
    place: z.string().meta({ description: 'Where that is, roughly; or "unknown"' }),
    createdAt: z.iso.datetime(),
    lastSeenAt: z.iso.datetime().meta({ description: 'To the minute' }),
    current: z.boolean().meta({ description: 'Whether it is the one that asks' }),
  })
  .meta({ id: 'Session' })
export type SessionView = z.infer<typeof SessionView>

export const SessionPage = pageOf(SessionView)

/** What every call takes that answers tokens: a browser asks for the refresh token in a cookie. */
export const CookieQuery = z.strictObject({ cookie: z.enum(['true', 'false']).optional() })
export type CookieQuery = z.infer<typeof CookieQuery>

/** Without one here, the token is the cookie's. */
export const Refresh = z.strictObject({ refreshToken: z.string().max(200).optional() })

export const RefreshHeaders = z.object({
  cookie: z.string().optional(),
  origin: z.string().max(500).optional(),
  host: z.string().max(500).optional(),
  'x-csrf-token': z.string().max(200).optional(),
})
export type RefreshHeaders = z.infer<typeof RefreshHeaders>

export const CookieHeader = RefreshHeaders.pick({ cookie: true })

export const TokensView = z
  .object({
    accessToken: z.string(),
    expiresIn: z.int().positive().meta({ description: 'Seconds' }),
    refreshToken: z.string().optional().meta({ description: 'Absent where it went into a cookie' }),
    csrfToken: z.string().optional().meta({ description: 'Beside the cookie: goes into X-CSRF-Token' }),
  })
  .meta({ id: 'Tokens' })
export type TokensView = z.infer<typeof TokensView>
