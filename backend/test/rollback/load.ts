import { randomInt, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { mongo } from 'mongoose'
import { expect } from 'vitest'
import { z } from 'zod'
import type { Nginx } from '../support/nginx.js'
import { Client } from './client.js'
import { Device } from './device.js'
import { Ledger } from './ledger.js'

const SignedIn = z.object({ user: z.object({ id: z.string() }), accessToken: z.string() })
const Conversation = z.object({ id: z.string() })
const Message = z.object({ id: z.string(), conversationId: z.string(), seq: z.int(), version: z.int() })

interface Person {
  readonly id: string
  readonly token: string
  readonly conversationIds: string[]
}

/** So that what three people do is a load that a busy machine bears, and nginx lets through. */
const pauseMs = 100
const editEvery = 4
const readEvery = 3
const share = { messages: 30, edits: 5, receipts: 5 }
const patience = { timeout: 120_000 }

const post = async (origin: string, path: string, body: object, token?: string): Promise<unknown> => {
  const headers = { 'content-type': 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) }
  const answer = await fetch(`${origin}/api/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
  return answer.json()
}

const register = async (origin: string, name: string): Promise<Person> => {
  const account = { phone: `+4915${randomInt(1e8, 1e9)}`, password: `A long password ${randomUUID()}`, name }
  const { user, accessToken } = SignedIn.parse(await post(origin, '/auth/register', account))
  return { id: user.id, token: accessToken, conversationIds: [] }
}

/** Three people who send, edit and read all the time, in a group and in a conversation of two, and five devices that listen. */
export class Load {
  readonly #client: Client
  readonly #database: mongo.Db
  readonly #people: readonly Person[]
  readonly #ledger = new Ledger()
  readonly #ended = new AbortController()
  readonly #begunAt = performance.now()
  #devices: readonly { readonly person: Person; readonly device: Device }[] = []
  #running: Promise<unknown> = Promise.resolve()

  private constructor(client: Client, database: mongo.Db, people: readonly Person[]) {
    this.#client = client
    this.#database = database
    this.#people = people
  }

  /** @param worker where people register: nginx lets few in a minute */
  static async begin(nginx: Nginx, worker: string, database: mongo.Db): Promise<Load> {
    const people = [await register(worker, 'Ann'), await register(worker, 'Bob'), await register(worker, 'Cay')]
    const [ann, bob, cay] = people
    if (!ann || !bob || !cay) throw new Error('three people')
    const group = Conversation.parse(
      await post(worker, '/conversations', { type: 'group', name: 'The hill', memberIds: [bob.id, cay.id] }, ann.token),
    )
    const direct = Conversation.parse(await post(worker, '/conversations', { type: 'direct', userId: bob.id }, ann.token))
    for (const person of people) person.conversationIds.push(group.id)
    for (const person of [ann, bob]) person.conversationIds.push(direct.id)
    // Who joined within the clocks' margin before they come back is told to fetch.
    await database.collection('conversations').updateMany({}, { $set: { 'members.$[].joinedAt': new Date(0) } })
    const load = new Load(new Client(nginx), database, people)
    load.#devices = await Promise.all(
      [ann, bob, cay, ann, bob].map(async (person) => ({ person, device: await Device.follow(load.#client, person.token) })),
    )
    load.#running = Promise.all(people.map((person) => load.#live(person)))
    load.#running.catch(() => undefined) // `goesOn` and `end` tell
    return load
  }

  /** Resolves once a share of all that is done has been done since. @throws where somebody was refused */
  async goesOn(): Promise<void> {
    const before = this.#ledger.counts
    const isDone = () => {
      const now = this.#ledger.counts
      return (['messages', 'edits', 'receipts'] as const).every((kind) => now[kind] - before[kind] >= share[kind])
    }
    await Promise.race([expect.poll(isDone, patience).toBe(true), this.#running])
  }

  /** Has a worker store something, straight at its own port. */
  async leaveBehind(worker: string, text: string): Promise<void> {
    for (const person of this.#people.slice(0, 2)) {
      for (const conversationId of person.conversationIds) {
        const answer = await post(worker, `/conversations/${conversationId}/messages`, { clientId: randomUUID(), text }, person.token)
        this.#ledger.sent({ ...Message.parse(answer), text })
      }
    }
  }

  /** Resolves once every device was told of what was left behind, as something to fetch beside. */
  async hasTold(text: string): Promise<void> {
    const messages = this.#ledger.messages.filter((message) => message.text === text)
    expect(messages.length).toBeGreaterThan(0)
    for (const { person, device } of this.#devices) {
      for (const { id, conversationId } of messages) {
        if (!person.conversationIds.includes(conversationId)) continue
        const told = () => device.told.filter(({ data }) => JSON.stringify(data).includes(id)).map(({ event }) => event)
        await expect.poll(told, patience).toEqual(expect.arrayContaining(['message.created', 'message.updated']))
        expect(told()).not.toContain('message.noted')
      }
    }
  }

  /** Ends the load, and waits until all of it was told. @throws where somebody was refused */
  async end(): Promise<void> {
    this.#ended.abort()
    await this.#running
    for (const { person, device } of this.#devices) {
      for (const id of person.conversationIds) {
        const untold = () => this.#ledger.untold(id, device.told)
        await expect.poll(untold, patience).toEqual([])
      }
    }
    for (const { device } of this.#devices) await device.leave()
  }

  /** That all that was acknowledged is stored, and was told to every device: each message once, and in order. */
  async expectNothingLost(): Promise<void> {
    const stored = await this.#database.collection('messages').find({}).sort({ seq: 1 }).toArray()
    expect(stored.map(({ _id }) => String(_id)).toSorted()).toEqual(this.#ledger.messages.map(({ id }) => id).toSorted())
    expect(new Set(stored.map(({ mood }) => mood))).toEqual(new Set(['merry', undefined])) // of both versions
    for (const { person, device } of this.#devices) {
      expect([device.verdicts[0], ...new Set(device.verdicts.slice(1))]).toEqual(['live', 'exact'])
      for (const conversationId of person.conversationIds) {
        const there = stored.filter((message) => String(message['conversationId']) === conversationId)
        expect(this.#ledger.createdSeqs(conversationId, device.told)).toEqual(there.map((_, index) => index + 1))
        const noted = this.#ledger.notedIds(conversationId, device.told)
        expect(there.filter(({ mood }) => mood !== undefined && mood !== null).filter(({ _id }) => !noted.has(String(_id)))).toEqual([])
      }
    }
  }

  /** That nothing is left that has to be told. */
  async expectOutboxesEmpty(): Promise<void> {
    const left = async () => {
      const names = ['messages', 'receipts', 'conversations', 'users', 'sessions']
      const counts = names.map((name) => this.#database.collection(name).countDocuments({ outbox: { $exists: true } }))
      return (await Promise.all(counts)).reduce((sum, count) => sum + count)
    }
    await expect.poll(left, patience).toBe(0)
  }

  /** What was done, in a line. */
  summary(): string {
    const seconds = (performance.now() - this.#begunAt) / 1000
    const { messages, edits, receipts } = this.#ledger.counts
    const repeated = [...this.#client.repeated].map(([outcome, count]) => `${count} after ${outcome}`).join(', ')
    const told = this.#devices.map(({ device }) => device.told.length)
    const comings = this.#devices.map(({ device }) => device.verdicts.length - 1)
    return (
      `${seconds.toFixed(0)} s: ${messages} messages, ${edits} edits, ${receipts} receipts, 0 refused; of ${this.#client.answered} requests some were made again: ` +
      `${repeated || 'none'}; ${told.join(' + ')} events to ${told.length} devices, which came back ${comings.join(' + ')} times`
    )
  }

  async close(): Promise<void> {
    this.#ended.abort()
    await this.#client.close()
  }

  async #live(person: Person): Promise<void> {
    for (let turn = 1; !this.#ended.signal.aborted; turn++) {
      const conversationId = person.conversationIds[turn % person.conversationIds.length] ?? ''
      const text = `message ${randomUUID()}`
      const { token } = person
      const body = { clientId: randomUUID(), text }
      const sent = Message.parse(await this.#client.ask({ method: 'POST', path: `/conversations/${conversationId}/messages`, token, body }))
      this.#ledger.sent({ ...sent, text })
      if (turn % editEvery === 0) await this.#edit(person, sent.id)
      if (turn % readEvery === 0) await this.#read(person, conversationId)
      await sleep(pauseMs)
    }
  }

  async #edit({ token }: Person, id: string): Promise<void> {
    const text = `edited ${randomUUID()}`
    const edited = Message.parse(await this.#client.ask({ method: 'PATCH', path: `/messages/${id}`, token, body: { text } }))
    this.#ledger.edited({ ...edited, text })
  }

  async #read({ id: userId, token }: Person, conversationId: string): Promise<void> {
    const readSeq = this.#ledger.headOf(conversationId)
    await this.#client.ask({ method: 'POST', path: `/conversations/${conversationId}/receipts`, token, body: { readSeq } })
    this.#ledger.read({ conversationId, userId, readSeq })
  }
}
