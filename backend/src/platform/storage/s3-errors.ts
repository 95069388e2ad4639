import { S3ServiceException } from '@aws-sdk/client-s3'
import { StorageRefusal, StorageUnavailable } from './storage.js'

const refusals: Readonly<Record<string, StorageRefusal['reason']>> = {
  NoSuchKey: 'no_object',
  NotFound: 'no_object', // a HEAD has no body that could say which
  NoSuchBucketPolicy: 'no_settings',
  NoSuchCORSConfiguration: 'no_settings',
  NoSuchLifecycleConfiguration: 'no_settings',
  NoSuchPublicAccessBlockConfiguration: 'no_settings',
  NoSuchUpload: 'no_upload',
  InvalidPart: 'wrong_parts',
  InvalidPartOrder: 'wrong_parts',
  EntityTooSmall: 'wrong_parts',
  MalformedXML: 'wrong_parts',
  InvalidArgument: 'wrong_parts',
}

/**
 * What became of a call. The SDK's errors hold its request: only their kind goes on.
 * @param expected the refusals that the caller's own words can bring about; all others are the operator's to put right
 */
export const storageErrorOf = (error: unknown, what: string, expected: readonly StorageRefusal['reason'][]): Error => {
  if (error instanceof S3ServiceException) {
    const reason = refusals[error.name]
    if (reason !== undefined && expected.includes(reason)) return new StorageRefusal(reason)
    return new StorageUnavailable(`${what}: S3 answered ${error.$metadata.httpStatusCode ?? 'nothing'} (${error.name})`)
  }
  if (!(error instanceof Error)) return new StorageUnavailable(`${what}: ${String(error)}`)
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
  return error instanceof TypeError || error instanceof RangeError ? error : new StorageUnavailable(`${what}: no answer (${code})`)
}
