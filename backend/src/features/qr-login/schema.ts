import { z } from 'zod'
import { Id } from '../../http/ids.js'
import { Device, DeviceView } from '../sessions/index.js'

export const ChallengeParams = z.object({ id: Id })

/** 256 bits take 43 characters, of which the last holds four bits. */
const sha256 = /^[\w-]{42}[AEIMQUYcgkosw048]$/

export const StartQr = z.strictObject({
  challenge: z.string().regex(sha256, 'the SHA-256 of the verifier in base64url, 43 characters').meta({
    description:
      'The SHA-256, in base64url, of a verifier that the browser makes anew for each sign-in and keeps: 43 to 128 random characters of base64url',
  }),
  device: Device.optional(),
})
export type StartQr = z.infer<typeof StartQr>

export const QrChallengeView = z
  .object({
    id: Id,
    token: z.string().meta({ description: 'What the phone scans' }),
    url: z.string().meta({ description: 'What the QR picture says: a page that opens the app, the token after its #' }),
    code: z.string().meta({ description: 'Two digits, to be shown beside the picture' }),
    expiresAt: z.iso.datetime(),
  })
  .meta({ id: 'QrChallenge' })

/** The verifier comes in either place; a wrong one is not told from a missing one, so its shape is not checked. */
export const VerifierQuery = z.strictObject({ verifier: z.string().optional() })
export const VerifierHeaders = z.object({ 'x-qr-verifier': z.string().optional() })

const statuses = ['pending', 'scanned', 'approved', 'denied', 'expired', 'used'] as const
export type QrStatus = (typeof statuses)[number]
export const QrStatusView = z.object({ status: z.enum(statuses) }).meta({ id: 'QrStatus' })

export const ScanQr = z.strictObject({ token: z.string().max(100) })

export const ScannedQrView = z
  .object({
    id: Id,
    device: DeviceView.nullable(),
    ip: z.string().meta({ description: 'Where the browser is that asks' }),
    place: z.string(),
    choices: z.array(z.string()).length(3).meta({ description: 'One of them is the number that the browser shows' }),
  })
  .meta({ id: 'ScannedQr' })
export type ScannedQrView = z.infer<typeof ScannedQrView>

export const ApproveQr = z.strictObject({ code: z.string().regex(/^\d{2}$/, 'the two digits that the browser shows') })

export const ExchangeQr = z.strictObject({ verifier: z.string().regex(/^[\w-]{43,128}$/, '43 to 128 characters of base64url') })
