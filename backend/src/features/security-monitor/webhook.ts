import { createHmac, type KeyObject } from 'node:crypto'
import { BoundedWork } from '../../platform/bounded-work.js'
import { earliestOf } from '../../platform/earliest-signal.js'
import { PassingError, retry } from '../../platform/retry.js'
import type { AlertOutlet } from './alert.js'

export interface WebhookSettings {
  readonly url: string
  readonly secret: KeyObject
}

const attemptDeadlineMs = 3000
const patience = { mostAttempts: 3, firstPauseMs: 500 }
const bounds = { what: 'alerts', mostAtOnce: 2, mostWaiting: 100, deadlineMs: 10_000 }
const tooManyRequests = 429

/**
 * Posts alerts as JSON. `X-Heliograph-Signature: t=<seconds>,v1=<hex>` is the HMAC-SHA256 of `<seconds>.<body>`: the receiver checks it,
 * and that the time is young. What fails for the moment (no answer in 3 s, 5xx, 429) is tried three times in 10 s.
 */
export const webhookOutlet = ({ url, secret }: WebhookSettings): AlertOutlet => {
  const work = new BoundedWork(bounds)
  return (alert) => work.run((signal) => retry(() => post(url, secret, JSON.stringify(alert), signal), patience, signal))
}

const post = async (url: string, secret: KeyObject, body: string, signal: AbortSignal): Promise<void> => {
  const seconds = Math.floor(Date.now() / 1000)
  const signature = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')
  const headers = { 'Content-Type': 'application/json', 'X-Heliograph-Signature': `t=${seconds},v1=${signature}` }
  const response = await fetch(url, {
    method: 'POST',
    headers,
    body,
    redirect: 'error',
    signal: earliestOf(signal, AbortSignal.timeout(attemptDeadlineMs)),
  }).catch((error: unknown) => {
    throw new PassingError('The webhook did not answer', { cause: error })
  })
  await response.body?.cancel()
  if (response.ok) return
  const message = `The webhook answered ${response.status}`
  throw response.status >= 500 || response.status === tooManyRequests ? new PassingError(message) : new Error(message)
}
