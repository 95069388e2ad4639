import {
  type BucketLocationConstraint,
  CreateBucketCommand,
  GetBucketCorsCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketPolicyCommand,
  HeadBucketCommand,
  PutBucketCorsCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutPublicAccessBlockCommand,
} from '@aws-sdk/client-s3'
import { bucketFile } from './bucket-files.js'
import { ignoring } from './ignoring.js'
import { S3Calls } from './s3-calls.js'
import { type S3Settings, s3ClientOf } from './s3-client.js'

const deadlineMs = 20_000
const call = (what: string) => ({ what, deadlineMs, expected: ['no_settings' as const] })
/** What is ours in a list of what others may have put there too. */
const isOurs = (name: string | undefined) => name?.toLowerCase().startsWith('heliograph') ?? false

type Target = S3Settings & { readonly calls: S3Calls; readonly origins: readonly string[] }
type Step = (target: Target) => Promise<string>

const theBucket: Step = async ({ calls, bucket, endpoint, region }) => {
  const found = await ignoring(
    'no_object',
    calls.send({ ...call('looking for the bucket'), expected: ['no_object'] }, new HeadBucketCommand({ Bucket: bucket })),
  )
  if (found) return `the bucket ${bucket} is there`
  const elsewhere = endpoint === undefined && region !== 'us-east-1' // the one region that may not be named
  const place = elsewhere && { CreateBucketConfiguration: { LocationConstraint: region as BucketLocationConstraint } }
  await calls.send(call('making the bucket'), new CreateBucketCommand({ Bucket: bucket, ...place }))
  return `the bucket ${bucket} was made`
}

const nothingPublic: Step = async ({ calls, bucket, endpoint }) => {
  const blocks = bucketFile('public-access-block')
  // Ceph 16 refuses every PUT where BlockPublicAcls is set; ignoring such ACLs does as much
  const PublicAccessBlockConfiguration = endpoint === undefined ? blocks : { ...blocks, BlockPublicAcls: false }
  await calls.send(call('blocking public access'), new PutPublicAccessBlockCommand({ Bucket: bucket, PublicAccessBlockConfiguration }))
  return 'nothing in it can be made public'
}

const policy: Step = async ({ calls, bucket, endpoint }) => {
  const { Policy: before } =
    (await ignoring('no_settings', calls.send(call('reading the policy'), new GetBucketPolicyCommand({ Bucket: bucket })))) ?? {}
  const others: { Statement?: { Sid?: string }[] } = before === undefined ? {} : JSON.parse(before)
  const ours = bucketFile('policy', { BUCKET: bucket })
  const byTls = !endpoint?.startsWith('http:')
  const statements = ours.Statement.filter(({ Sid }) => byTls || Sid !== 'HeliographOnlyByTls')
  const kept = (others.Statement ?? []).filter(({ Sid }) => !isOurs(Sid))
  const Policy = JSON.stringify({ ...ours, ...others, Statement: [...kept, ...statements] })
  await calls.send(call('writing the policy'), new PutBucketPolicyCommand({ Bucket: bucket, Policy }))
  return byTls ? 'it is reached by TLS alone' : 'it is reached without TLS, as its endpoint says'
}

const cors: Step = async ({ calls, bucket, origins }) => {
  const { CORSRules: before = [] } =
    (await ignoring('no_settings', calls.send(call('reading CORS'), new GetBucketCorsCommand({ Bucket: bucket })))) ?? {}
  const kept = before.filter(({ ID }) => !isOurs(ID))
  if (origins.length === 0) return 'CORS_ORIGIN is not set: no page of a browser can upload'
  const ours = bucketFile('cors', { '"CORS_ORIGIN"': origins.map((origin) => JSON.stringify(origin)).join() }).CORSRules
  await calls.send(call('writing CORS'), new PutBucketCorsCommand({ Bucket: bucket, CORSConfiguration: { CORSRules: [...kept, ...ours] } }))
  return `pages of ${origins.join(', ')} can upload`
}

const lifecycle: Step = async ({ calls, bucket }) => {
  const reading = calls.send(call('reading the lifecycle'), new GetBucketLifecycleConfigurationCommand({ Bucket: bucket }))
  const { Rules: before = [] } = (await ignoring('no_settings', reading)) ?? {}
  const Rules = [...before.filter(({ ID }) => !isOurs(ID)), ...bucketFile('lifecycle').Rules]
  const command = new PutBucketLifecycleConfigurationCommand({ Bucket: bucket, LifecycleConfiguration: { Rules } })
  await calls.send(call('writing the lifecycle'), command)
  return 'what was begun and left goes after a day or two, what was removed after seven'
}

const versioning: Step = async ({ calls, bucket }) => {
  await calls.send(
    call('writing the versioning'),
    new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: bucketFile('versioning') }),
  )
  return 'what is overwritten or removed by mistake can be had back'
}

/**
 * Makes a bucket fit for uploads, from the files in deploy/s3: again changes nothing, and rules of others stay.
 * @param origins of the pages that may upload
 * @returns what was done, a line each, as it is done
 * @throws StorageUnavailable where the server refuses or cannot be reached
 */
export const setUpBucket = async function* (settings: S3Settings, origins: readonly string[]): AsyncGenerator<string> {
  const client = s3ClientOf(settings)
  const target = { ...settings, calls: new S3Calls(client), origins }
  try {
    for (const step of [theBucket, nothingPublic, policy, cors, lifecycle, versioning]) yield await step(target)
  } finally {
    client.destroy()
  }
}
