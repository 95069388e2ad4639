import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { type Connection, openConnection } from '../chaos/clients/connection.js'
import type { StreamEvent } from '../chaos/clients/sse-parser.js'
import type { Person } from './person.js'

const MessageCreated = z.object({ message: z.object({ seq: z.int() }) })
const Resume = z.object({ verdict: z.string() })
const again = { mostTries: 100, pauseMs: 100 }

/** A device that comes back with its position whenever its stream ends. */
export class Follower {
  /** The seq of every message that it was told of, as it was told. */
  readonly seqs: number[] = []
  /** What became of its position, each time that it came. */
  readonly verdicts: string[] = []
  /** Why it was not let in, and came again. */
  readonly refusals: string[] = []
  readonly #target: { readonly origin: string; readonly token: string }
  #position: string | undefined
  #connection: Connection | undefined
  #following: Promise<void> = Promise.resolve()
  #left = false

  private constructor(origin: string, { token }: Person) {
    this.#target = { origin, token }
  }

  /** @throws Error where it is not let in */
  static async follow(origin: string, person: Person): Promise<Follower> {
    const follower = new Follower(origin, person)
    const first = await follower.#come()
    follower.#following = follower.#follow(first)
    return follower
  }

  /** @throws Error where it could not come back */
  async leave(): Promise<void> {
    this.#left = true
    this.#connection?.drop('left')
    await this.#following
  }

  async #come(): Promise<Connection> {
    const connection = await openConnection(
      { ...this.#target, lastEventId: this.#position },
      {
        event: (event) => this.#take(event),
        position: (id) => {
          this.#position = id
        },
      },
    )
    this.#connection = connection
    return connection
  }

  async #follow(first: Connection): Promise<void> {
    await first.ended
    while (!this.#left) {
      const connection = await this.#comeAgain()
      await connection.ended
    }
  }

  async #comeAgain(): Promise<Connection> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#come()
      } catch (error) {
        this.refusals.push(error instanceof Error ? error.message : String(error))
        if (tries === again.mostTries) throw error
        await sleep(again.pauseMs)
      }
    }
  }

  #take({ event, data }: StreamEvent): void {
    if (event === 'message.created') this.seqs.push(MessageCreated.parse(data).message.seq)
    if (event === 'resume') this.verdicts.push(Resume.parse(data).verdict)
  }
}
