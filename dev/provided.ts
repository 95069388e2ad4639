import type { ProvidedContext } from 'vitest'
import type { MongoEngine } from './services/mongodb.js'
import type { S3Access } from './services/s3.js'

declare module 'vitest' {
  interface ProvidedContext {
    mongoUrl: string
    mongoEngine: MongoEngine
    redisUrl: string
    /** Where there is none to be had, why, and what to type: the tests that need one fail with it. */
    s3: S3Access | { readonly missing: string }
  }
}

/** What test-services.ts hands to every test, read by `inject`. */
export type Provided = ProvidedContext
