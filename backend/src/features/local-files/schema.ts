import { z } from 'zod'
import { mostParts, multipartIdPattern, objectPattern } from '../../platform/storage/local-places.js'

const ObjectName = z.string().regex(objectPattern, 'not a file')
const Signed = {
  expires: z
    .string()
    .regex(/^\d{1,11}$/, 'not a time')
    .meta({ description: 'In seconds since 1970' }),
  signature: z.string().regex(/^[\w-]{43}$/, 'not a signature'),
}
const Size = z
  .string()
  .regex(/^\d{1,15}$/, 'not a size')
  .meta({ description: 'Bytes' })

export const ObjectParams = z.strictObject({ object: ObjectName })
export const PartParams = z.strictObject({
  object: ObjectName,
  multipart: z.string().regex(multipartIdPattern, 'not a multipart'),
  number: z
    .string()
    .regex(/^[1-9]\d{0,4}$/, 'not a number')
    .refine((number) => Number(number) <= mostParts, `at most ${mostParts}`),
})
export const PutQuery = z.strictObject({
  size: Size,
  sha256: z
    .string()
    .regex(/^[\w+/]{43}=$/, 'not a SHA-256')
    .meta({ description: 'Base64' }),
  ...Signed,
})
export const PartQuery = z.strictObject({ size: Size, ...Signed })
export const GetQuery = z.strictObject({ type: z.string().max(255), disposition: z.string().max(2000), ...Signed })
