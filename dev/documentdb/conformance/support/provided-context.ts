import 'vitest'

declare module 'vitest' {
  interface ProvidedContext {
    mongoUrl: string
    mongoEngine: 'mongod' | 'documentdb'
  }
}
