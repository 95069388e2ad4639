import type { ProvidedContext } from 'vitest'
import type { MongoEngine } from './services/mongodb.js'

declare module 'vitest' {
  interface ProvidedContext {
    mongoUrl: string
    mongoEngine: MongoEngine
    redisUrl: string
  }
}

/** What test-services.ts hands to every test, read by `inject`. */
export type Provided = ProvidedContext
