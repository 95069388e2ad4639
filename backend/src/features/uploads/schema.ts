import { z } from 'zod'
import { Id } from '../../http/ids.js'
import { hasAtMost, visibleText } from '../../http/text.js'
import { purposes, statuses } from './model.js'

const mostOfName = 255
const mostParts = 1000
const mostUrls = 50

/** A name, and no path; nothing in it that makes it look like another one's. */
const FileName = visibleText(1024, `at most ${mostOfName} characters`)
  .refine((name) => hasAtMost(name, mostOfName), `at most ${mostOfName} characters`)
  .refine((name) => !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(name), 'no control characters')
  .refine((name) => !/[\u202a-\u202e\u2066-\u2069]/u.test(name), 'nothing that turns the direction')
  .refine((name) => !/[/\\]/.test(name) && !/^\.{1,2}$/.test(name), 'a name and no path')

const ContentType = z
  .string()
  .max(127)
  .toLowerCase()
  .regex(/^[a-z0-9][\w!#$&^.+-]*\/[a-z0-9][\w!#$&^.+-]*$/, 'a media type such as image/png, without parameters')

/** 32 bytes, with the padding, and no bits beyond them. */
const Sha256 = z.string().regex(/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/, 'a SHA-256 in base64')

export const BeginUpload = z.strictObject({
  fileName: FileName,
  contentType: ContentType,
  size: z.int().min(1, 'at least one byte').meta({ description: 'Bytes' }),
  checksumSha256: Sha256.meta({ description: 'Of all bytes, in base64' }),
  purpose: z.enum(purposes),
})
export type BeginUpload = z.infer<typeof BeginUpload>

const PartNumber = z.int().min(1).max(mostParts)
const isSet = (numbers: readonly unknown[]): boolean => new Set(numbers).size === numbers.length

export const CompleteUpload = z.strictObject({
  parts: z
    .array(z.strictObject({ number: PartNumber, etag: z.string().regex(/^[\x21-\x7e]{1,128}$/, 'an ETag') }))
    .min(1)
    .max(mostParts)
    .refine((parts) => isSet(parts.map(({ number }) => number)), 'the same part twice')
    .optional()
    .meta({ description: 'All parts, with the ETag that each PUT was answered with; of what comes in parts alone' }),
})
export type CompleteUpload = z.infer<typeof CompleteUpload>

export const PartNumbers = z.strictObject({ numbers: z.array(PartNumber).min(1).max(mostParts).refine(isSet, 'the same part twice') })
export const UploadParams = z.strictObject({ uploadId: Id })
export const ContentQuery = z.strictObject({ size: z.literal('thumbnail').optional() })
export const UploadIds = z.strictObject({ ids: z.array(Id).min(1).max(mostUrls).refine(isSet, 'the same upload twice') })

const Headers = z.record(z.string(), z.string()).meta({ description: 'Signed with the URL: send all of them, as they are' })
const Part = z.object({ number: PartNumber, url: z.string(), headers: Headers })

export const BegunUpload = z
  .object({
    id: Id,
    upload: z
      .object({ method: z.literal('PUT'), url: z.string(), headers: Headers, expiresAt: z.iso.datetime() })
      .optional()
      .meta({ description: 'Takes exactly the bytes that were announced' }),
    multipart: z
      .object({ partSize: z.int().positive().meta({ description: 'Bytes of each part but the last' }), parts: z.array(Part) })
      .optional()
      .meta({ description: 'In place of `upload`, over 100 MB' }),
  })
  .meta({ id: 'BegunUpload' })
export type BegunUpload = z.infer<typeof BegunUpload>

export const PartUrls = z.object({ parts: z.array(Part) })
export type PartUrls = z.infer<typeof PartUrls>

export const UploadView = z
  .object({
    id: Id,
    status: z.enum(statuses),
    purpose: z.enum(purposes),
    fileName: z.string(),
    contentType: z.string(),
    size: z.int().positive().meta({ description: 'Bytes of what is served, once it is ready' }),
    width: z.int().positive().optional(),
    height: z.int().positive().optional(),
    thumbnails: z.array(z.object({ size: z.literal('thumbnail'), width: z.int().positive(), height: z.int().positive() })).optional(),
    refusal: z.string().optional().meta({ description: 'Why it was refused' }),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Upload' })
export type UploadView = z.infer<typeof UploadView>

export const UploadUrls = z.object({
  items: z
    .array(z.object({ id: Id, url: z.string(), thumbnailUrl: z.string().optional(), expiresAt: z.iso.datetime() }))
    .meta({ description: 'Of those that you may see and that are ready, in the order asked for' }),
})
export type UploadUrls = z.infer<typeof UploadUrls>
