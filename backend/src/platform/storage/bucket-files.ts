import { readFileSync } from 'node:fs'
import { z } from 'zod'

const folder = new URL('../../../../deploy/s3/', import.meta.url)

const flag = z.boolean().default(false)
const strings = z.array(z.string())

const shapes = {
  'public-access-block': z.strictObject({
    BlockPublicAcls: flag,
    IgnorePublicAcls: flag,
    BlockPublicPolicy: flag,
    RestrictPublicBuckets: flag,
  }),
  policy: z.strictObject({ Version: z.string(), Statement: z.array(z.looseObject({ Sid: z.string() })) }),
  cors: z.strictObject({
    CORSRules: z.array(
      z.strictObject({
        ID: z.string(),
        AllowedOrigins: strings,
        AllowedMethods: strings,
        AllowedHeaders: strings,
        ExposeHeaders: strings,
        MaxAgeSeconds: z.int(),
      }),
    ),
  }),
  lifecycle: z.strictObject({
    Rules: z.array(
      z.strictObject({
        ID: z.string(),
        Status: z.literal('Enabled'),
        Filter: z.strictObject({ Prefix: z.string() }),
        AbortIncompleteMultipartUpload: z.strictObject({ DaysAfterInitiation: z.int() }).optional(),
        Expiration: z.union([z.strictObject({ Days: z.int() }), z.strictObject({ ExpiredObjectDeleteMarker: z.boolean() })]).optional(),
        NoncurrentVersionExpiration: z.strictObject({ NoncurrentDays: z.int() }).optional(),
      }),
    ),
  }),
  versioning: z.strictObject({ Status: z.literal('Enabled') }),
}

/**
 * A file of deploy/s3, as the command line of AWS takes it too.
 * @param places what stands for a name or a list in it
 * @throws ZodError where it is not what S3 takes
 */
export const bucketFile = <Name extends keyof typeof shapes>(
  name: Name,
  places: Readonly<Record<string, string>> = {},
): z.output<(typeof shapes)[Name]> => {
  const text = readFileSync(new URL(`${name}.json`, folder), 'utf8')
  const filled = Object.entries(places).reduce((so, [place, value]) => so.replaceAll(place, value), text)
  return shapes[name].parse(JSON.parse(filled)) as z.output<(typeof shapes)[Name]>
}
