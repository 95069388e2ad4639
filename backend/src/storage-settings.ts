import { createSecretKey } from 'node:crypto'
import type { z } from 'zod'
import type { StorageSettings } from './platform/storage/create-storage.js'
import type { variables } from './variables.js'

type Values = { [Name in keyof typeof variables]: z.output<(typeof variables)[Name]['schema']> }

/** What the variables of the storage want of one another. */
export const storageFaults = (values: Partial<Values>): string[] => {
  const { AWS_S3_BUCKET: bucket, AWS_S3_ENDPOINT: endpoint, AWS_REGION: region } = values
  if (endpoint && !bucket) return ['AWS_S3_BUCKET: is required with AWS_S3_ENDPOINT']
  if (bucket && !endpoint && !region) return ['AWS_REGION: is required with AWS_S3_BUCKET']
  return []
}

export const storageOf = (values: Values): StorageSettings => {
  const { AWS_S3_BUCKET: bucket, AWS_S3_ENDPOINT: endpoint, AWS_REGION: region } = values
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = values
  if (bucket === undefined) return { s3: undefined }
  const credentials =
    accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey: createSecretKey(secretAccessKey, 'utf8') } : undefined
  return {
    s3: {
      bucket,
      endpoint,
      region: region ?? 'us-east-1', // what servers that have no regions are called by
      forcePathStyle: values.AWS_S3_FORCE_PATH_STYLE ?? endpoint !== undefined,
      credentials,
    },
  }
}
