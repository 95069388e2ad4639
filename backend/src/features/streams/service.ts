import type { Response } from 'express'
import type { Caller } from '../../http/endpoint.js'
import { Problem } from '../../http/problem.js'
import type { Generation } from '../../platform/generation.js'
import { encodeFrame } from '../../realtime/catalogue.js'
import type { Hub } from '../../realtime/hub.js'
import { EventStream } from '../../realtime/stream.js'
import type { Memberships } from '../conversations/index.js'

interface Dependencies {
  readonly hub: Hub
  readonly memberships: Memberships
  readonly generation: () => Generation
}

export class StreamService {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * Opens a caller's stream: first `resume`, then what happens from now on. Nothing is kept to be replayed, so whoever
   * comes back with a position is told to fetch all: `reset`.
   * @throws Problem service_unavailable where Redis is away or this worker is about to stop, before any byte is sent
   */
  async open(caller: Caller, response: Response, lastEventId: string | undefined): Promise<void> {
    const { hub, memberships, generation } = this.#deps
    if (hub.draining) throw new Problem('service_unavailable', 'This worker is about to stop')
    const stream = new EventStream(response, caller)
    response.once('close', () => hub.detach(stream))
    stream.hold()
    try {
      await hub.attach(stream, () => memberships.conversationsOf(caller.userId))
    } catch (error) {
      throw new Problem('service_unavailable', 'Events cannot be told right now', { cause: error })
    }
    const cursor = generation()
    stream.open(encodeFrame('resume', { type: 'resume', verdict: lastEventId ? 'reset' : 'live', cursor, refetch: [] }, cursor))
    stream.release()
  }
}
