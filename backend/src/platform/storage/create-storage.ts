import { type LocalSettings, LocalStorage } from './local-storage.js'
import type { S3Settings } from './s3-client.js'
import { S3Storage } from './s3-storage.js'
import type { Storage } from './storage.js'

export interface StorageSettings {
  /** Undefined where no bucket is named. */
  readonly s3: S3Settings | undefined
  /** In place of S3. */
  readonly local: LocalSettings
}

/** S3 where a bucket is named, else a folder of this machine. */
export const createStorage = ({ s3, local }: StorageSettings): Storage => (s3 ? new S3Storage(s3) : new LocalStorage(local))
