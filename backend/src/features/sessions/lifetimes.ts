import type { SessionDocument } from './model.js'

interface Lifetime {
  /** How long a session lives unused. */
  readonly refreshTtlSeconds: number
  /** How long it lives at most. */
  readonly sessionMaxTtlSeconds: number
}

export interface Lifetimes extends Lifetime {
  /** Of browsers' sessions. */
  readonly web: Lifetime
}

/** When a session that is used now ends if it is not used any more. */
export const expiryOf = ({ createdAt, device }: Pick<SessionDocument, 'createdAt' | 'device'>, now: Date, lifetimes: Lifetimes): Date => {
  const { refreshTtlSeconds, sessionMaxTtlSeconds } = device?.platform === 'web' ? lifetimes.web : lifetimes
  return new Date(Math.min(now.getTime() + refreshTtlSeconds * 1000, createdAt.getTime() + sessionMaxTtlSeconds * 1000))
}
