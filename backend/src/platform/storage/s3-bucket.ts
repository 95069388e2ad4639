import { GetPublicAccessBlockCommand } from '@aws-sdk/client-s3'
import { ignoring } from './ignoring.js'
import type { S3Calls } from './s3-calls.js'

/**
 * Whether the bucket ignores what would make an object public: a signed PUT binds no `x-amz-acl`, so whoever uploads could ask for that.
 * @returns a sentence where it does not
 */
export const publicFaults = async (
  calls: S3Calls,
  { bucket, deadlineMs }: { bucket: string; deadlineMs: number },
): Promise<readonly string[]> => {
  const unsafe = [`the bucket ${bucket} lets who uploads an object make it public: make it ready with npm run admin -- storage setup`]
  const blocks = new GetPublicAccessBlockCommand({ Bucket: bucket })
  const call = { what: 'looking at who may read the bucket', deadlineMs, expected: ['no_settings' as const] }
  const found = await ignoring('no_settings', calls.send(call, blocks))
  const { IgnorePublicAcls: ignored, RestrictPublicBuckets: restricted } = found?.PublicAccessBlockConfiguration ?? {}
  return ignored && restricted ? [] : unsafe
}
