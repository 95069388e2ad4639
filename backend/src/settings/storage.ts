import { createSecretKey } from 'node:crypto'
import { resolve } from 'node:path'
import type { z } from 'zod'
import type { StorageSettings } from '../platform/storage/create-storage.js'
import type { variables } from './variables.js'

type Values = { [Name in keyof typeof variables]: z.output<(typeof variables)[Name]['schema']> }

const defaultFolder = '.data/uploads'

/** What the variables of the storage want of one another. */
export const storageFaults = (values: Partial<Values>): string[] => {
  const { AWS_S3_BUCKET: bucket, AWS_S3_ENDPOINT: endpoint, AWS_REGION: region } = values
  if (endpoint && !bucket && !values.BACKUP_S3_BUCKET) return ['AWS_S3_BUCKET: is required with AWS_S3_ENDPOINT']
  if (bucket && !endpoint && !region) return ['AWS_REGION: is required with AWS_S3_BUCKET']
  return []
}

/** What an operator should know. */
export const storageWarnings = ({ NODE_ENV: environment, AWS_S3_BUCKET: bucket, UPLOAD_DIR: folder }: Values): string[] =>
  environment === 'production' && bucket === undefined && folder === undefined
    ? [`Neither AWS_S3_BUCKET nor UPLOAD_DIR is set: uploads are kept in ${defaultFolder}, below the folder that the server is started in`]
    : []

/** @param publicUrl where clients reach the API */
export const storageOf = (values: Values, publicUrl: string): StorageSettings => ({ s3: s3Of(values), local: localOf(values, publicUrl) })

const localOf = (values: Values, publicUrl: string): StorageSettings['local'] => ({
  folder: resolve(values.UPLOAD_DIR ?? defaultFolder),
  url: `${publicUrl.replace(/\/+$/, '')}/api/v1/uploads/local`,
  keys: [createSecretKey(values.JWT_SECRET, 'utf8'), ...values.JWT_PREVIOUS_SECRETS.map((previous) => createSecretKey(previous, 'utf8'))],
})

/** @returns undefined where no bucket is named */
export const s3Of = (values: Values): StorageSettings['s3'] => {
  const { AWS_S3_BUCKET: bucket, AWS_S3_ENDPOINT: endpoint, AWS_REGION: region } = values
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = values
  if (bucket === undefined) return undefined
  const credentials =
    accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey: createSecretKey(secretAccessKey, 'utf8') } : undefined
  return {
    bucket,
    endpoint,
    region: region ?? 'us-east-1', // what servers that have no regions are called by
    forcePathStyle: values.AWS_S3_FORCE_PATH_STYLE ?? endpoint !== undefined,
    credentials,
  }
}
