import type { S3Settings } from './s3-client.js'
import { S3Storage } from './s3-storage.js'
import type { Storage } from './storage.js'

export interface StorageSettings {
  /** Undefined where no bucket is named. */
  readonly s3: S3Settings | undefined
}

/** The storage that was chosen; undefined where none was. */
export const createStorage = ({ s3 }: StorageSettings): Storage | undefined => s3 && new S3Storage(s3)
