import { resolve } from 'node:path'
import type { z } from 'zod'
import type { Keep } from '../backup/retention.js'
import type { S3Settings } from '../platform/storage/s3-client.js'
import { s3Of } from './storage.js'
import type { variables } from './variables.js'

type Values = { [Name in keyof typeof variables]: z.output<(typeof variables)[Name]['schema']> }

/** Where backups go, and how many are kept. */
export interface BackupSettings {
  readonly folder: string
  /** Whom they are encrypted to; undefined: to nobody. */
  readonly recipient: string | undefined
  /** The file of age's key, for a restore. */
  readonly identityFile: string | undefined
  /** Where they are copied to, below a prefix; undefined: nowhere. */
  readonly remote: { readonly s3: S3Settings; readonly prefix: string } | undefined
  readonly keep: Keep
}

const defaultFolder = '.data/backups'

/** What the variables of backups want of one another. */
export const backupFaults = ({ BACKUP_S3_BUCKET: bucket, AWS_S3_ENDPOINT: endpoint, AWS_REGION: region }: Partial<Values>): string[] =>
  bucket && !endpoint && !region ? ['AWS_REGION: is required with BACKUP_S3_BUCKET'] : []

export const backupOf = (values: Values): BackupSettings => {
  const s3 = s3Of({ ...values, AWS_S3_BUCKET: values.BACKUP_S3_BUCKET })
  return {
    folder: resolve(values.BACKUP_DIR ?? defaultFolder),
    recipient: values.BACKUP_RECIPIENT,
    identityFile: values.BACKUP_IDENTITY_FILE,
    remote: s3 && { s3, prefix: values.BACKUP_S3_PREFIX },
    keep: { daily: values.BACKUP_KEEP_DAILY, weekly: values.BACKUP_KEEP_WEEKLY, monthly: values.BACKUP_KEEP_MONTHLY },
  }
}
