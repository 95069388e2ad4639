import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { earliestOf } from '../../../src/platform/earliest-signal.js'
import type { Random } from '../random.js'

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below /api/v1. */
  readonly path: string
  readonly token?: string
  readonly body?: object
}

/** One try of a call: what came of it, or why nothing is known of it. */
export interface Attempt {
  readonly at: number
  readonly origin: string
  outcome: string
  /** True where it may have been done, now or later, though nobody was told. */
  unknown: boolean
}

export interface Answer {
  readonly status: number
  readonly body: unknown
}

const attemptDeadlineMs = 5000
const pauseMs = { least: 50, most: 400 }

/** Asks the product as a patient client does: where an answer does not come, or says to come again, it asks again, at any worker. */
export class Api {
  readonly #origins: readonly string[]
  readonly #routing: Random
  readonly #agent = new Agent({ connect: { timeout: 2000 }, headersTimeout: attemptDeadlineMs, bodyTimeout: attemptDeadlineMs })
  /** How often each status, or failure, was the outcome of an attempt. */
  readonly outcomes = new Map<string, number>()

  /** Told of answers that nothing excuses. */
  readonly #onFault: (what: string) => void

  constructor(origins: readonly string[], routing: Random, onFault: (what: string) => void) {
    this.#origins = origins
    this.#routing = routing
    this.#onFault = onFault
  }

  anyOrigin(): string {
    return this.#routing.pick(this.#origins)
  }

  /** @returns the first answer that settles the matter. @throws where the signal fires before there is one */
  async call(call: Call, signal: AbortSignal, attempts: Attempt[] = []): Promise<Answer> {
    for (;;) {
      signal.throwIfAborted()
      const attempt: Attempt = { at: Date.now(), origin: this.anyOrigin(), outcome: 'no answer yet', unknown: true }
      attempts.push(attempt)
      const answer = await this.#attempt(call, attempt, signal)
      this.outcomes.set(attempt.outcome, (this.outcomes.get(attempt.outcome) ?? 0) + 1)
      if (answer) return answer
      await sleep(this.#routing.integer(pauseMs.least, pauseMs.most), undefined, { signal })
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy()
  }

  async #attempt(call: Call, attempt: Attempt, signal: AbortSignal): Promise<Answer | undefined> {
    try {
      const { statusCode, body } = await request(`${attempt.origin}/api/v1${call.path}`, {
        dispatcher: this.#agent,
        method: call.method,
        headers: { ...(call.body && { 'content-type': 'application/json' }), ...(call.token && { authorization: `Bearer ${call.token}` }) },
        body: call.body === undefined ? null : JSON.stringify(call.body),
        signal: earliestOf(signal, AbortSignal.timeout(attemptDeadlineMs)),
      })
      const text = await body.text()
      attempt.outcome = String(statusCode)
      if (statusCode >= 500 || statusCode === 429) {
        if (statusCode !== 503) this.#onFault(`${call.method} ${call.path} was answered ${statusCode}: ${text}`)
        return undefined
      }
      attempt.unknown = false
      return { status: statusCode, body: text === '' ? undefined : JSON.parse(text) }
    } catch (error) {
      const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
      attempt.outcome = code ?? (error instanceof Error ? error.name : String(error))
      return undefined
    }
  }
}
