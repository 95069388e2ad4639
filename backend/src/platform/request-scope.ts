import { AsyncLocalStorage } from 'node:async_hooks'

const scope = new AsyncLocalStorage<string>()

/** Has what comes of this work know the request that asked for it, across every await. */
export const inRequest = (requestId: string, work: () => void): void => scope.run(requestId, work)

/** The request that this is done for; undefined where none is, or nobody follows them (see `requestLog`). */
export const currentRequestId = (): string | undefined => scope.getStore()
