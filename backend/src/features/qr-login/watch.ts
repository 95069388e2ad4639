import { toObjectId } from '../../http/ids.js'
import type { Logger } from '../../platform/logger.js'
import { Pump } from '../../platform/pump.js'
import type { Hub } from '../../realtime/hub.js'
import type { ChallengeStream } from './challenge-stream.js'
import type { Challenges } from './challenges.js'
import { stateOf } from './view.js'

interface Dependencies {
  readonly challenges: Pick<Challenges, 'byIds'>
  readonly hub: Pick<Hub, 'signal' | 'on'>
  readonly logger: Logger
  /** In milliseconds: how often all that are watched are read. */
  readonly lookEvery?: number | undefined
}

const topic = 'qr'
const defaultLookEveryMs = 1000
/** Read at once. */
const mostAtOnce = 500
/** Of one challenge at this worker: a browser that lost its connection may not know yet that the former stream is over. */
const mostOfChallenge = 3

/**
 * The streams of this worker's browsers. A hint from whichever worker moved a challenge has it read at once; all that are watched are read every second,
 * which finds the expired, and serves while hints are lost. So the database alone says what is told.
 */
export class Watch {
  readonly #deps: Dependencies
  readonly #streams = new Map<string, Set<ChallengeStream>>()
  readonly #due = new Set<string>()
  readonly #pump: Pump
  #timer: NodeJS.Timeout | undefined
  #streamCount = 0
  constructor(deps: Dependencies) {
    this.#deps = deps
    this.#pump = new Pump(
      () => this.#due.size > 0,
      () => this.#look(),
    )
    deps.hub.on('signal', (signal) => {
      if (signal.topic === topic) this.look(signal.of)
    })
    deps.hub.on('drain', (farewell) => {
      for (const stream of this.#all()) stream.end(farewell())
    })
  }

  get streamCount(): number {
    return this.#streamCount
  }

  add(id: string, stream: ChallengeStream): void {
    const own = this.#streams.get(id) ?? new Set()
    this.#streams.set(id, own.add(stream))
    this.#streamCount += 1
    if (own.size > mostOfChallenge) for (const oldest of [...own].slice(0, -mostOfChallenge)) oldest.end()
    this.#timer ??= setInterval(() => this.#lookAtAll(), this.#deps.lookEvery ?? defaultLookEveryMs).unref()
  }

  remove(id: string, stream: ChallengeStream): void {
    const own = this.#streams.get(id)
    if (own?.delete(stream)) this.#streamCount -= 1
    if (own?.size === 0) this.#streams.delete(id)
    if (this.#streams.size === 0) this.#rest()
  }

  /** A challenge may have moved. */
  look(id: string): void {
    if (!this.#streams.has(id)) return
    this.#due.add(id)
    this.#pump.wake()
  }

  /** A challenge was moved here: the workers whose browsers watch it look at once. */
  moved(id: string): void {
    this.#deps.hub.signal(topic, id).catch(() => this.look(id)) // without Redis the others look within a second
  }

  async stop(): Promise<void> {
    this.#rest()
    await this.#pump.settled()
  }

  #all(): ChallengeStream[] {
    return Array.from(this.#streams.values(), (own) => Array.from(own)).flat()
  }

  #rest(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #lookAtAll(): void {
    for (const id of this.#streams.keys()) this.#due.add(id)
    this.#pump.wake()
  }

  async #look(): Promise<void> {
    const ids = [...this.#due].slice(0, mostAtOnce)
    for (const id of ids) this.#due.delete(id)
    try {
      const found = await this.#deps.challenges.byIds(ids.map(toObjectId))
      const states = new Map(found.map((challenge) => [challenge._id.toHexString(), stateOf(challenge)]))
      for (const id of ids) for (const stream of this.#streams.get(id) ?? []) stream.tell(states.get(id) ?? { status: 'expired' })
    } catch (error) {
      this.#deps.logger.warn({ err: error }, 'QR challenges were not read')
    }
  }
}
