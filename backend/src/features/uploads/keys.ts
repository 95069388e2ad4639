import type { Types } from 'mongoose'
import type { UploadDocument } from './model.js'

/** Where clients put what they upload. */
export const pendingPrefix = 'pending/'

export const pendingKey = ({ _id }: Pick<UploadDocument, '_id'>): string => `${pendingPrefix}${_id.toHexString()}`

/** Where the server alone writes: no URL that takes anything is ever made for it. */
export const originalKey = (attempt: Types.ObjectId): string => `final/${attempt.toHexString()}/original`
export const thumbnailKey = (attempt: Types.ObjectId): string => `final/${attempt.toHexString()}/thumbnail`

export const isThumbnailKey = (key: string): boolean => key.endsWith('/thumbnail')

export const keysOfAttempts = (attempts: readonly Types.ObjectId[]): string[] =>
  attempts.flatMap((attempt) => [originalKey(attempt), thumbnailKey(attempt)])
