import type { z } from 'zod'
import { within } from '../../../dev/services/deadline.js'
import { SseClient } from '../support/sse-client.js'

interface Call {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly token?: string | undefined
  readonly body?: object
}

/** What `fetch` says only in its error's cause: who refused, whose certificate. */
export const messageOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  if (!(cause instanceof Error)) return error.message
  return cause.message || ('code' in cause ? String(cause.code) : error.message) // of several addresses that refuse, there is a code alone
}

const parsed = (text: string): unknown => {
  try {
    return text === '' ? null : JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A deployment as its clients see it. No answer is waited for longer than its deadline. */
export class Deployment {
  readonly #origin: string
  readonly #streams: SseClient[] = []
  readonly deadlineMs: number

  constructor(origin: string, deadlineMs: number) {
    this.#origin = origin
    this.deadlineMs = deadlineMs
  }

  /** @throws Error where nobody answers in time */
  fetch({ method, path, token, body }: Call): Promise<Response> {
    return fetch(`${this.#origin}${path}`, {
      method,
      headers: { ...(body && { 'content-type': 'application/json' }), ...(token && { authorization: `Bearer ${token}` }) },
      body: body ? JSON.stringify(body) : null,
      signal: AbortSignal.timeout(this.deadlineMs),
    })
  }

  /** @throws Error where the answer is no success, or not of this shape (an empty one is null) */
  async call<T>(call: Call, shape: z.ZodType<T>): Promise<T> {
    const answer = await this.fetch(call)
    const text = await answer.text()
    const what = `${call.method} ${call.path}: ${answer.status}`
    if (!answer.ok) throw new Error(`${what} ${text.replaceAll(/\s+/g, ' ').slice(0, 300)}`)
    const { success, data } = shape.safeParse(parsed(text))
    if (!success) throw new Error(`${what}, but not as this API answers`)
    return data
  }

  /** @throws Error where no stream opens in time */
  async listen(path: string, headers: Record<string, string>): Promise<SseClient> {
    const stream = await within(this.deadlineMs / 1000, `GET ${path}`, SseClient.open(`${this.#origin}${path}`, { headers }))
    this.#streams.push(stream)
    return stream
  }

  /** @returns its data, once it has come. @throws Error where it does not come in time */
  async hears<T>(stream: SseClient, name: string, shape: z.ZodType<T>): Promise<T> {
    const { data } = await stream.waitFor(({ event, data }) => event === name && shape.safeParse(data).success, this.deadlineMs)
    return shape.parse(data)
  }

  async close(): Promise<void> {
    for (const stream of this.#streams) await stream.close()
  }
}
