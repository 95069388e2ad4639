import type { Types } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import { Problem } from '../../http/problem.js'
import type { AuditEntry, AuditLog } from '../audit/index.js'
import type { Difference } from './difference.js'
import { findDifferences } from './find.js'
import { mend } from './mend.js'
import type { Stored } from './stored.js'
import { until } from './until.js'

/** What a check has found, and done. */
export interface Check {
  readonly conversationId: string
  /** How many there are. */
  readonly messages: number
  /** The seq of the newest. */
  readonly head: number
  readonly differences: readonly (Difference & { readonly repaired: boolean })[]
}

interface Dependencies {
  readonly stored: Stored
  readonly audit: Pick<AuditLog, 'record'>
  readonly worker: string
  /** For how long what is derived may be on its way; for tests. */
  readonly patienceMs?: number
}

type By = Pick<AuditEntry, 'actor' | 'origin'>

interface Wish {
  /** Whether to mend what can be. */
  readonly repair: boolean
}

const defaultPatienceMs = 10_000
const deadlineMs = 30_000
/** At the command line nobody's request waits. */
const longDeadlineMs = 30 * 60_000

/** Recomputes what conversations derive from their messages, and mends it. */
export class ConsistencyService {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** @throws Problem not_found, service_unavailable where it takes longer than 30 s: nothing is mended then */
  async check(conversationId: string, wish: Wish, by: By): Promise<Check> {
    const check = await this.#check(toObjectId(conversationId), wish, deadlineMs)
    if (!check) throw new Problem('not_found', 'There is no such conversation')
    await this.#record(check, wish, by)
    return check
  }

  /** Every conversation, one after the other; those that something is wrong with go to the audit log each, the others together. */
  async *checkAll(wish: Wish, by: By): AsyncGenerator<Check> {
    let conversations = 0
    for await (const id of this.#deps.stored.conversationIds()) {
      const check = await this.#check(id, wish, longDeadlineMs)
      if (!check) continue
      conversations += 1
      if (check.differences.length > 0) await this.#record(check, wish, by)
      yield check
    }
    await this.#deps.audit.record({
      action: 'conversations.checked',
      outcome: 'done',
      ...by,
      detail: { conversations, repair: wish.repair },
    })
  }

  async #check(conversationId: Types.ObjectId, { repair }: Wish, milliseconds: number): Promise<Check | undefined> {
    const { stored, worker, patienceMs = defaultPatienceMs } = this.#deps
    const found = await findDifferences(stored, conversationId, { patienceMs, deadline: until(milliseconds) })
    if (!found) return undefined
    const differences: Check['differences'][number][] = []
    for (const difference of found.differences) {
      const repaired = repair && (await mend({ stored, conversationId, worker }, difference))
      differences.push({ ...difference, repaired })
    }
    return { ...found, conversationId: conversationId.toHexString(), differences }
  }

  async #record({ conversationId, differences }: Check, { repair }: Wish, by: By): Promise<void> {
    const repaired = differences.filter((difference) => difference.repaired).length
    await this.#deps.audit.record({
      action: 'conversation.checked',
      outcome: 'done',
      ...by,
      target: { kind: 'conversation', id: conversationId },
      detail: { differences: differences.length, repaired, repair },
    })
  }
}
