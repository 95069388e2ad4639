import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { SseClient, type SseEvent } from '../support/sse-client.js'
import type { Client } from './client.js'

const Ticket = z.object({ ticket: z.string() })
const Resume = z.object({ verdict: z.string() })
const mostTries = 100
const pauseMs = 200

/** A device that reads its stream by tickets, and comes back with its position whenever the stream ends. */
export class Device {
  /** All that it was told, as it was told. */
  readonly events: SseEvent[] = []
  /** What became of its position, each time that it came. */
  readonly verdicts: string[] = []
  readonly #client: Client
  readonly #token: string
  #stream: SseClient | undefined
  #following: Promise<void> = Promise.resolve()
  #left = false

  private constructor(client: Client, token: string) {
    this.#client = client
    this.#token = token
  }

  static async follow(client: Client, token: string): Promise<Device> {
    const device = new Device(client, token)
    const first = await device.#comeAgain()
    device.#following = device.#follow(first)
    return device
  }

  /** What it has by now: what came of the streams that have ended, and of the one that is open. */
  get told(): readonly SseEvent[] {
    return [...this.events, ...(this.#stream?.events ?? [])]
  }

  /** @throws Error where it could not come back */
  async leave(): Promise<void> {
    this.#left = true
    await this.#stream?.close()
    await this.#following
  }

  async #follow(first: SseClient): Promise<void> {
    for (let stream = first; ; ) {
      await stream.ended
      this.#stream = undefined
      this.events.push(...stream.events)
      if (this.#left) return
      stream = await this.#comeAgain()
    }
  }

  async #comeAgain(): Promise<SseClient> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#come(this.events.findLast(({ id }) => id !== undefined)?.id)
      } catch (error) {
        if (tries === mostTries) throw error
        await sleep(pauseMs)
      }
    }
  }

  /** The ticket may be of another worker than the one that takes it. */
  async #come(position: string | undefined): Promise<SseClient> {
    const { ticket } = Ticket.parse(await this.#client.ask({ method: 'POST', path: '/sse/ticket', token: this.#token }))
    const query = new URLSearchParams({ ticket, ...(position !== undefined && { lastEventId: position }) })
    const stream = await SseClient.open(`${this.#client.origin}/sse?${query.toString()}`, { dispatcher: this.#client.dispatcher })
    const resume = await stream.waitFor(({ event }) => event === 'resume', 30_000)
    this.verdicts.push(Resume.parse(resume.data).verdict)
    this.#stream = stream
    return stream
  }
}
