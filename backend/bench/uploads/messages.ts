import { randomInt, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'

const Registered = z.object({ accessToken: z.string(), user: z.object({ id: z.string() }) })
const Conversation = z.object({ id: z.string() })
const firstPhone = randomInt(1e5, 8e5)

export interface Talk {
  readonly conversationId: string
  readonly accessToken: string
}

const post = (origin: string, path: string, body: object, accessToken = ''): Promise<Response> =>
  fetch(`${origin}/api/v1${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(accessToken && { authorization: `Bearer ${accessToken}` }) },
    body: JSON.stringify(body),
  })

/** People who talk with one another, two by two. */
export const beginTalks = async (origin: string, count: number): Promise<Talk[]> => {
  const register = async (n: number) => {
    const body = { phone: `+4915112${firstPhone + n}`, password: `Signals ${randomUUID().slice(0, 18)}`, name: `Talker ${n}` }
    return Registered.parse(await (await post(origin, '/auth/register', body)).json())
  }
  const talks: Talk[] = []
  for (let n = 0; n < count; n++) {
    const [{ accessToken }, { user }] = [await register(2 * n), await register(2 * n + 1)]
    const begun = await post(origin, '/conversations', { type: 'direct', userId: user.id }, accessToken)
    talks.push({ conversationId: Conversation.parse(await begun.json()).id, accessToken })
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

const sendOne = async (origin: string, { conversationId, accessToken }: Talk, dueAt: number): Promise<number> => {
  const answer = await post(origin, `/conversations/${conversationId}/messages`, { clientId: randomUUID(), text: 'hello' }, accessToken)
  await answer.arrayBuffer()
  if (answer.status !== 201) throw new Error(`A message was answered with ${answer.status}`)
  return performance.now() - dueAt
}
