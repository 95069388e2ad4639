import { randomInt, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { post } from './client.js'

const Registered = z.object({ accessToken: z.string(), user: z.object({ id: z.string() }) })
const Conversation = z.object({ id: z.string() })
const firstPhone = randomInt(1e5, 8e5)

/** A conversation of two. */
export interface Talk {
  readonly conversationId: string
  readonly accessTokens: readonly [string, string]
}

/** People who talk with one another, two by two. */
export const beginTalks = async (origin: string, count: number): Promise<Talk[]> => {
  const register = async (n: number) => {
    const body = { phone: `+4915112${firstPhone + n}`, password: `Signals ${randomUUID().slice(0, 18)}`, name: `Talker ${n}` }
    return Registered.parse(await post({ origin }, '/auth/register', body, 201))
  }
  const talks: Talk[] = []
  for (let n = 0; n < count; n++) {
    const [one, other] = [await register(2 * n), await register(2 * n + 1)]
    const begun = await post({ origin, accessToken: one.accessToken }, '/conversations', { type: 'direct', userId: other.user.id }, 201)
    talks.push({ conversationId: Conversation.parse(begun).id, accessTokens: [one.accessToken, other.accessToken] })
  }
  return talks
}

/**
 * Sends messages at fixed times until it is told to stop.
 * @returns from when each was due until it was answered, in milliseconds
 * @throws Error where one is not taken
 */
export const sendMessages = async (origin: string, talks: readonly Talk[], perSecond: number, signal: AbortSignal): Promise<number[]> => {
  const latencies: Promise<number>[] = []
  const begunAt = performance.now()
  for (let n = 0; !signal.aborted; n++) {
    const dueAt = begunAt + (n / perSecond) * 1000
    await sleep(Math.max(0, dueAt - performance.now()))
    const talk = talks[n % talks.length]
    if (talk) latencies.push(sendOne(origin, talk, dueAt))
  }
  return Promise.all(latencies)
}

const sendOne = async (origin: string, { conversationId, accessTokens: [accessToken] }: Talk, dueAt: number): Promise<number> => {
  await post({ origin, accessToken }, `/conversations/${conversationId}/messages`, { clientId: randomUUID(), text: 'hello' }, 201)
  return performance.now() - dueAt
}
