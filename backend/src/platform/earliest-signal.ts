/**
 * A signal that is aborted with the first of these. In place of `AbortSignal.any`, which holds what it is made of weakly: Node 20 collects a
 * timeout that nobody else knows of, and it never comes. One that is listened to is kept.
 */
export const earliestOf = (...signals: readonly AbortSignal[]): AbortSignal => {
  const earliest = new AbortController()
  for (const signal of signals) {
    if (signal.aborted) earliest.abort(signal.reason)
    signal.addEventListener('abort', () => earliest.abort(signal.reason), { once: true, signal: earliest.signal })
  }
  return earliest.signal
}
