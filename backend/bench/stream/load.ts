import { setTimeout as sleep } from 'node:timers/promises'
import { answerQuestions } from '../answers.js'
import { Refused, StreamClient } from './client.js'
import { LoadQuestion, type Target } from './contract.js'
import { Tallying } from './tallying.js'

const atOnce = 100
const addresses = 16
const refusedWaitMs = 500

/** All streams of a contender. */
class Group {
  readonly tallying = new Tallying()
  readonly #clients: readonly StreamClient[]
  constructor(targets: readonly Target[]) {
    this.#clients = targets.map((target) => new StreamClient(target, this.tallying))
  }

  get size(): number {
    return this.#clients.length
  }

  /** @param most how many at a time */
  async open(greeting: string, most: number): Promise<void> {
    const left = [...this.#clients.entries()]
    const openOneByOne = async () => {
      for (let next = left.pop(); next !== undefined; next = left.pop()) {
        const [n, client] = next
        await this.#openOne(client, { greeting, localAddress: `127.0.0.${2 + (n % addresses)}` })
      }
    }
    await Promise.all(Array.from({ length: Math.min(most, left.length) }, openOneByOne))
  }

  leave(): void {
    for (const client of this.#clients) client.leave()
  }

  /** A refused client waits and comes again, for as long as whoever asked waits. */
  async #openOne(client: StreamClient, opening: { greeting: string; localAddress: string }): Promise<void> {
    for (;;) {
      try {
        return await client.open(opening)
      } catch (error) {
        if (!(error instanceof Refused)) throw error
        this.tallying.noteRefusal()
        await sleep(refusedWaitMs)
      }
    }
  }
}

const groups = new Map<string, Group>()

const groupOf = (name: string): Group => {
  const group = groups.get(name)
  if (!group) throw new Error(`There is no group ${name}`)
  return group
}

const answer = async (question: LoadQuestion): Promise<unknown> => {
  if (question.kind === 'open') {
    const group = new Group(question.targets)
    groups.set(question.group, group)
    await group.open(question.greeting, atOnce)
    return { streams: group.size }
  }
  const group = groupOf(question.group)
  const { tallying } = group
  if (question.kind === 'leave') group.leave()
  if (question.kind === 'begin' || question.kind === 'return') tallying.begin()
  if (question.kind === 'return') await group.open(question.greeting, group.size)
  if (question.kind === 'finish' || question.kind === 'return') await tallying.received(question.expected, question.deadlineSeconds)
  return tallying.tally()
}

answerQuestions('ready', (question) => answer(LoadQuestion.parse(question)))
