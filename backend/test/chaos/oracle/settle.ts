import { setTimeout as sleep } from 'node:timers/promises'
import type { Api } from '../clients/api.js'
import type { Findings, Violation } from '../findings.js'
import type { Ledger } from '../ledger.js'
import type { Person } from '../scene.js'
import type { Database } from '../services/database.js'
import { checkConsistency } from './consistency.js'
import { checkLists } from './lists.js'
import { checkStored } from './stored.js'
import { checkTold, firstTold } from './told.js'
import { readTruth, type Truth, untoldCount } from './truth.js'
import { checkView } from './views.js'

/** The sweeper takes up what a living worker left after 60 s, and forgets what was told after 45 s more. */
const settleDeadlineMs = 90_000
/** Where something was found already, no more is waited for than a restart may take. */
const brokenDeadlineMs = 15_000
const emptyDeadlineMs = 150_000
const pauseMs = 250
const noteEveryMs = 15_000

export interface Case {
  readonly database: Database
  readonly ledger: Ledger
  readonly people: readonly Person[]
  readonly api: Api
  readonly findings: Findings
}

/**
 * Waits until every client shows what the database has, and finds what is still wrong when the time is up.
 * @param outboxes whether to wait, too, until nothing is left to be told
 */
export const settle = async (
  of: Case,
  { outboxes, progress }: { outboxes: boolean; progress: (line: string) => void },
): Promise<{ settledAfterMs: number; truth: Truth }> => {
  const from = Date.now()
  let found = await look(of)
  let noted = from
  const deadlineMs = () => (of.findings.violations.length > 0 ? brokenDeadlineMs : settleDeadlineMs)
  while (found.violations.length > 0 && Date.now() - from < deadlineMs()) {
    await sleep(pauseMs)
    found = await look(of)
    const [first] = found.violations
    if (!first || Date.now() - noted < noteEveryMs) continue
    noted = Date.now()
    progress(`has not settled yet, ${found.violations.length} times: ${first.kind}, ${first.what}`)
  }
  const settledAfterMs = Date.now() - from
  if (outboxes) await emptyOutboxes(of)
  const last = outboxes ? await look(of) : found // what came twice, or late, has come by now
  for (const violation of last.violations) of.findings.add(violation)
  if (last.violations.length === 0) await checkAll(of, last.truth) // what is wrong already is not asked for again
  return { settledAfterMs, truth: last.truth }
}

const checkAll = async ({ database, api, findings }: Case, truth: Truth): Promise<void> => {
  const signal = AbortSignal.timeout(settleDeadlineMs)
  for await (const violation of checkConsistency(database, api, truth.keys(), signal)) findings.add(violation)
}

const look = async ({ database, ledger, people, api }: Case): Promise<{ violations: Violation[]; truth: Truth }> => {
  const truth = await readTruth(
    database,
    people.map(({ id }) => id),
  )
  const devices = people.flatMap((person) => person.devices)
  const violations = [...checkStored(ledger, truth)]
  const first = firstTold(devices)
  for (const device of devices) violations.push(...checkView(device, truth, ledger.restores), ...checkTold(device, ledger, first))
  if (violations.length > 0) return { violations, truth } // the lists are asked for when all else is well
  const signal = AbortSignal.timeout(settleDeadlineMs)
  for (const person of people) for await (const violation of checkLists(person, api, truth, signal)) violations.push(violation)
  return { violations, truth }
}

const emptyOutboxes = async ({ database, findings }: Case): Promise<void> => {
  const from = Date.now()
  for (;;) {
    const untold = await untoldCount(database)
    if (untold === 0) return
    if (Date.now() - from > emptyDeadlineMs) {
      findings.add({ kind: 'stuck', what: `${untold} documents still have something to be told` })
      return
    }
    await sleep(pauseMs * 4)
  }
}
