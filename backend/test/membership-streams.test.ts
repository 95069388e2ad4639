import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { afterEach, describe, expect, it } from 'vitest'
import { StreamService } from '../src/features/streams/index.js'
import { createLogger } from '../src/platform/logger.js'
import { encodeFrame } from '../src/realtime/catalogue.js'
import type { ControlMessage } from '../src/realtime/control-message.js'
import { Hub } from '../src/realtime/hub.js'
import { MemoryLog } from '../src/realtime/log/memory-log.js'
import { type EntryId, idIn, isAfter, origin } from '../src/realtime/log/position.js'
import { MembershipChanges } from '../src/realtime/membership-changes.js'
import type { Membership } from '../src/realtime/resume.js'
import { LaggingLog } from './support/lagging-log.js'
import { SseClient, type SseEvent } from './support/sse-client.js'

const deadlineMs = 30_000
const closing: (() => Promise<unknown> | void)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

const [user, conversation, other] = ['ann', 'hill', 'beacon']
const slowSteps = 3
const caller = { userId: user, sessionId: 'session' }

/** One worker over a log, and the database of one person's memberships. At each step of the opening of a stream `act` is asked. */
const aWorker = async (memberships: Membership[], act: (step: number) => Promise<void>, lagMs: number) => {
  let steps = 0
  let read = false
  let acting: Promise<void> = Promise.resolve()
  const atStep = () => {
    acting = acting.then(() => act(steps++)) // one after another, though channels are read at once
    return acting
  }
  const log = new LaggingLog({ atStep, lagMs })
  const hub = new Hub(log, createLogger('silent'))
  hub.askMembership(async (_userId, conversationId) => {
    for (let n = 0; n < slowSteps; n++) {
      await atStep()
      await log.arrived() // the database may be slower than the log
    }
    return memberships.some((membership) => membership.conversationId === conversationId)
  })
  const service = new StreamService({
    hub,
    log,
    limits: { entriesPerChannel: 1000, ttlSeconds: 300 },
    memberships: {
      async of() {
        await atStep()
        const found = [...memberships]
        read = true
        await atStep()
        return found
      },
    },
    sessions: { endOf: () => Promise.resolve(new Date(Date.now() + 3_600_000)) },
  })
  const server = createServer(express().use((request, response) => service.open(caller, response, request.header('last-event-id')))).listen(
    0,
    '127.0.0.1',
  )
  await once(server, 'listening')
  closing.push(() => {
    hub.drain()
    server.close()
  })
  const append = async (channel: EventChannel, text: string, control?: ControlMessage): Promise<EntryId> => {
    await log.append({ channel, eventId: text, frame: encodeFrame('told', { text }), ...(control && { control }) })
    const [state] = await MemoryLog.prototype.states.call(log, [channel])
    return state?.last ?? origin
  }
  return {
    steps: () => steps,
    heads: log.heads,
    hasRead: () => read,
    forgetRead: () => {
      read = false
    },
    arrived: () => log.arrived(),
    open: async (lastEventId?: string) => {
      const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
      const stream = await SseClient.open(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { headers })
      closing.push(() => stream.close())
      return stream
    },
    say: (text: string, where = conversation) => append(`conversation:${where}`, text),
    mark: (text: string) => append(`user:${user}`, text),
    leave: async (version: number) => {
      memberships.splice(0, memberships.length, ...memberships.filter(({ conversationId }) => conversationId !== conversation))
      await append(`conversation:${conversation}`, `left ${version}`, { left: { conversationId: conversation, userIds: [user], version } })
    },
    join: async (version: number) => {
      const { position } = await MemoryLog.prototype.head.call(log)
      memberships.push({ conversationId: conversation, joinedAt: new Date(), version })
      const joined = { conversationId: conversation, userIds: [user], version, since: idIn(position, 0) }
      await append(`user:${user}`, `joined ${version}`, { joined })
    },
  }
}
type Worker = Awaited<ReturnType<typeof aWorker>>
type EventChannel = `user:${string}` | `conversation:${string}`

const textsOf = ({ events }: SseClient): string[] =>
  events.filter(({ event }) => event === 'told').map(({ data }) => (data as { text: string }).text)
const idOf = (cursor: string): EntryId => cursor.split('.')[1] ?? origin
const isMark = (text: string) => (event: SseEvent) => event.event === 'told' && (event.data as { text: string }).text === text

const long = new Date(0)
const memberOf = (conversationId: string): Membership => ({ conversationId, joinedAt: long, version: 1 })

interface Outcome {
  readonly told: string[]
  /** What had to be told: it was said after the position at which the stream began, and before it was looked at. */
  readonly due: (id: EntryId | undefined) => boolean
  /** The same of the conversation: where the client is told to fetch it, from when on it is told again. */
  readonly dueHere: (id: EntryId | undefined) => boolean
  /** True where all of it happened once the stream had read its memberships. */
  readonly afterRead: boolean
  readonly said: Map<string, EntryId>
}
type Happening = (worker: Worker, said: Map<string, EntryId>) => Promise<unknown>

interface Circumstance {
  readonly lagMs: number
  /** Who comes with a position. */
  readonly back: boolean
  /** Who became a member after that position. */
  readonly fresh: boolean
  /** Each happening has arrived before the step goes on. */
  readonly arrives: boolean
}

/** Opens a stream while, at one step of it and so many steps later, something happens; when it is live what is left of it. */
const openedWhile = async (
  happenings: readonly Happening[],
  { atStep, gap, memberships, lagMs, back, arrives }: Circumstance & { atStep: number; gap: number; memberships: Membership[] },
): Promise<Outcome> => {
  const said = new Map<string, EntryId>()
  const left = [...happenings]
  let opening = false
  let first = 0
  let afterRead: boolean | undefined
  const happen = async () => {
    afterRead ??= worker.hasRead()
    await left.shift()?.(worker, said)
    if (arrives) await worker.arrived()
  }
  const worker: Worker = await aWorker(
    memberships,
    async (step) => {
      if (!opening) return
      said.set(`steady ${step}`, await worker.say(`steady ${step}`, other))
      said.set(`here ${step}`, await worker.say(`here ${step}`))
      if (left.length > 0 && step - first >= atStep + (happenings.length - left.length) * gap) await happen()
    },
    lagMs,
  )
  let position: string | undefined
  if (back) {
    const before = await worker.open()
    await worker.mark('seen')
    await before.waitFor(isMark('seen'), deadlineMs)
    position = before.events.at(-1)?.id
    await before.close()
  }
  first = worker.steps()
  worker.forgetRead()
  worker.heads.splice(0)
  opening = true
  const stream = await worker.open(position)
  await worker.mark('open')
  await stream.waitFor(isMark('open'), deadlineMs)
  while (left.length > 0) await happen()
  const end = await worker.mark('end')
  await stream.waitFor(isMark('end'), deadlineMs)
  opening = false
  const resume = stream.events[0]?.data as { cursor: string; refetch: string[] }
  const dueSince = (since: EntryId) => (id: EntryId | undefined) => id !== undefined && isAfter(id, since) && isAfter(end, id)
  // The first worker's first stream asks for the head once more, when it begins to listen to what hubs are told.
  const head = worker.heads[back ? 0 : 1] ?? origin
  return {
    told: textsOf(stream),
    due: dueSince(idOf(resume.cursor)),
    dueHere: dueSince(resume.refetch.includes(conversation) ? head : idOf(resume.cursor)),
    afterRead: afterRead ?? false,
    said,
  }
}

const steps = Array.from({ length: 26 }, (_, step) => step)
const gaps = [0, 1, 3]
const circumstances = [0, 2].flatMap((lagMs) =>
  [true, false].flatMap((arrives): Circumstance[] => [
    { lagMs, arrives, back: false, fresh: false },
    { lagMs, arrives, back: true, fresh: false },
    { lagMs, arrives, back: true, fresh: true },
  ]),
)
const times = (texts: readonly string[], text: string): number => texts.filter((each) => each === text).length

/** Nothing of another conversation is lost, doubled or out of order, whatever happens in this one; nothing of this one is doubled or out of order. */
const expectSteady = ({ told, due, said }: Outcome): void => {
  const steady = [...said.keys()].filter((text) => text.startsWith('steady') && due(said.get(text)))
  expect(told.filter((text) => steady.includes(text))).toEqual(steady)
  const here = told.filter((text) => text.startsWith('here'))
  expect(here).toEqual([...said.keys()].filter((text) => here.includes(text)))
}

/** What was said in the conversation after `text` by everybody else. */
const saidAfter = (said: Map<string, EntryId>, text: string): string[] => {
  const texts = [...said.keys()].filter((each) => !each.startsWith('steady'))
  return texts.slice(texts.indexOf(text))
}

const expectOnce = ({ told, dueHere, said }: Outcome, text: string): void => {
  expect(times(told, text)).toBeLessThanOrEqual(1)
  if (dueHere(said.get(text))) expect(told).toContain(text)
}

const say =
  (text: string): Happening =>
  async (worker, said) => {
    said.set(text, await worker.say(text))
  }
const leave =
  (version: number): Happening =>
  async (worker, said) => {
    await worker.leave(version)
    await say('foreign')(worker, said)
  }
const join =
  (version: number, text: string): Happening =>
  async (worker, said) => {
    await worker.join(version)
    await say(text)(worker, said)
  }

describe.each(circumstances)('at whichever step of opening a stream (%o)', (circumstance) => {
  const hill = { ...memberOf(conversation), joinedAt: circumstance.fresh ? new Date() : long }
  const atEachStep = async (memberships: Membership[], happenings: readonly Happening[]) => {
    const outcomes: Outcome[] = []
    for (const gap of happenings.length > 1 ? gaps : [0]) {
      const opened = steps.map((atStep) => openedWhile(happenings, { atStep, gap, memberships: [...memberships], ...circumstance }))
      outcomes.push(...(await Promise.all(opened)))
    }
    for (const outcome of outcomes) expectSteady(outcome)
    return outcomes
  }

  it('its user leaves: it tells nothing from after that', async () => {
    for (const { told, said } of await atEachStep([hill, memberOf(other)], [leave(2)])) {
      const foreign = saidAfter(said, 'foreign')
      expect(told.filter((text) => foreign.includes(text) || text === 'left 2')).toEqual([])
    }
  })

  it('its user comes: it tells all from then on, once', async () => {
    const outcomes = await atEachStep([memberOf(other)], [join(2, 'welcome')])
    for (const outcome of outcomes) expectOnce(outcome, 'welcome')
    expect(outcomes.filter(({ dueHere, said }) => dueHere(said.get('welcome'))).length).toBeGreaterThan(10)
  })

  it('its user leaves and comes again: it tells all from then on, once', async () => {
    const outcomes = await atEachStep([hill, memberOf(other)], [leave(2), join(3, 'again')])
    for (const outcome of outcomes) {
      expectOnce(outcome, 'again')
      if (outcome.afterRead) expect(outcome.told).not.toContain('foreign')
    }
    expect(outcomes.filter(({ dueHere, said }) => dueHere(said.get('again'))).length).toBeGreaterThan(10)
  })

  it('its user comes and leaves again: it tells nothing from after that', async () => {
    for (const { told, said } of await atEachStep([memberOf(other)], [join(2, 'welcome'), leave(3)])) {
      const foreign = saidAfter(said, 'foreign')
      expect(told.filter((text) => foreign.includes(text))).toEqual([])
    }
  })
})

describe('what a stream hears late', () => {
  const join = { conversationId: conversation, version: 2, since: '5-0' }

  it('of somebody’s coming does not undo that they have left since', () => {
    const changes = new MembershipChanges()
    expect(changes.left({ conversationId: conversation, version: 3 }, '9-0')).toBe(true)
    expect(changes.joined(join)).toBeUndefined()
    expect(changes.isIn(conversation, 2)).toBe(false)
  })

  it('of somebody’s leaving does not undo that they have come again since', () => {
    const changes = new MembershipChanges()
    expect(changes.joined({ ...join, version: 4 })).toBe('5-0')
    expect(changes.left({ conversationId: conversation, version: 3 }, '9-0')).toBe(false)
    expect(changes.isIn(conversation, 4)).toBe(true)
  })

  it('who comes again is told from where they left, not what they were told before', () => {
    const changes = new MembershipChanges()
    changes.left({ conversationId: conversation, version: 3 }, '9-0')
    expect(changes.isIn(conversation, 4)).toBe(true) // the database knows more than was heard
    expect(changes.joined({ ...join, version: 4 })).toBe('9-0')
  })

  it('is kept of a thousand conversations, the newest', () => {
    const changes = new MembershipChanges()
    for (let n = 0; n < 1001; n++) changes.left({ conversationId: `c${n}`, version: 3 }, '9-0')
    expect([changes.isIn('c0', 2), changes.isIn('c1', 2), changes.isIn('c1000', 2)]).toEqual([true, false, false])
  })
})
