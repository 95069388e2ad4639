import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { answerQuestions } from '../answers.js'
import { type Memory, type Plan, ServerQuestion } from './contract.js'

/** Publishes the nth message of a conversation. Resolves when Redis has it. */
type Publish = (conversation: number, n: number) => Promise<unknown>

/** Answers what a measured server is asked. It publishes itself, so that its CPU time holds both: what publishing costs, and what delivering does. */
export const serve = (port: number, publish: Publish): void => {
  const published = new Map<number, number>()
  const publishNext = (conversation: number) => {
    const n = (published.get(conversation) ?? 0) + 1
    published.set(conversation, n)
    return publish(conversation, n)
  }
  answerQuestions({ port }, async (question) => {
    const asked = ServerQuestion.parse(question)
    if (asked.kind === 'cpu') return cpuSeconds()
    if (asked.kind === 'memory') return memory()
    await publishByPlan(asked.plan, publishNext)
    return { messages: asked.plan.turns * asked.plan.burst }
  })
}

/** Keeps to the times of the plan, late or not: what a slow server does not get done piles up. @throws where a message was not published */
const publishByPlan = async (
  { conversations, turns, turnsPerSecond, burst }: Plan,
  publishNext: (conversation: number) => Promise<unknown>,
): Promise<void> => {
  const start = performance.now()
  const publishing: Promise<unknown>[] = []
  for (let turn = 0; turn < turns; turn++) {
    const waitMs = start + (turn * 1000) / turnsPerSecond - performance.now()
    if (waitMs > 0) await sleep(waitMs)
    for (let n = 0; n < burst; n++) publishing.push(publishNext(conversations[turn % conversations.length] ?? 0))
  }
  await Promise.all(publishing)
}

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

const collections = 3
const settleMs = 300

/** Collects more than once: what a first collection finalises, a later one frees. */
const memory = async (): Promise<Memory> => {
  setFlagsFromString('--expose_gc')
  const collect: unknown = runInNewContext('gc')
  for (let n = 0; n < collections; n++) {
    if (typeof collect === 'function') collect()
    await sleep(settleMs)
  }
  const { rss, heapUsed, external } = process.memoryUsage()
  return { resident: rss, heap: heapUsed + external }
}
