import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent } from 'undici'
import type { Nginx } from '../support/nginx.js'

interface Question {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH'
  /** Below /api/v1. */
  readonly path: string
  readonly token: string
  readonly body?: object
}

const mostTries = 100
const pauseMs = 200
const attemptDeadlineMs = 15_000

/** Asks through nginx as clients do: what is not known to have been done, or is answered 502, 503 or 504, is asked again, the same. */
export class Client {
  readonly dispatcher: Agent
  readonly origin: string
  /** How often a request was made again, by what its attempt came to. */
  readonly repeated = new Map<string, number>()
  /** How many requests were answered. */
  answered = 0
  constructor(nginx: Nginx) {
    this.origin = nginx.https
    this.dispatcher = new Agent({ connections: 32, connect: { ca: readFileSync(nginx.authority) } })
  }

  /** @throws Error with an answer that says no, or where none comes */
  async ask({ method, path, token, body }: Question): Promise<unknown> {
    for (let tries = 1; ; tries++) {
      const outcome = await this.#attempt({ method, path, token, ...(body && { body }) })
      if ('body' in outcome) {
        this.answered += 1
        return outcome.body
      }
      this.repeated.set(outcome.again, (this.repeated.get(outcome.again) ?? 0) + 1)
      if (tries === mostTries) throw new Error(`${method} ${path}: ${outcome.again}, ${tries} times`)
      await sleep(pauseMs)
    }
  }

  async close(): Promise<void> {
    await this.dispatcher.destroy()
  }

  async #attempt({ method, path, token, body }: Question): Promise<{ readonly body: unknown } | { readonly again: string }> {
    const answer = await this.dispatcher
      .request({
        origin: this.origin,
        method,
        path: `/api/v1${path}`,
        headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
        body: body ? JSON.stringify(body) : null,
        signal: AbortSignal.timeout(attemptDeadlineMs),
      })
      .then(async ({ statusCode, body: bytes }) => ({ statusCode, text: await bytes.text() }))
      .catch((error: unknown) => ({ statusCode: 0, text: error instanceof Error ? error.name : String(error) }))
    const { statusCode, text } = answer
    if (statusCode === 0) return { again: text }
    if (statusCode >= 502 && statusCode <= 504) return { again: String(statusCode) }
    if (statusCode >= 300) throw new Error(`${method} ${path}: ${statusCode} ${text}`)
    return { body: text === '' ? undefined : JSON.parse(text) }
  }
}
