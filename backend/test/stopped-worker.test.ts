import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, inject, it } from 'vitest'
import { freePort } from '../../dev/services/free-port.js'
import { limitNames } from '../src/http/limits-table.js'
import { afterwards, anApp, aStream } from './support/listening.js'
import { aGroup } from './support/people.js'
import { dataOf } from './support/streams.js'
import { Synced } from './support/synced.js'

const entry = fileURLToPath(new URL('../dist/index.js', import.meta.url))
const stoppedMs = 20_000
const retryMs = 500
const mostAttempts = 40
const deadline = { timeout: 60_000 }

/** A worker of its own process, over the database of `app`. */
const aProcess = async (environment: Record<string, string>) => {
  const port = await freePort()
  const child = spawn(process.execPath, [entry], {
    env: {
      NODE_ENV: 'development',
      LOG_LEVEL: 'silent',
      PORT: String(port),
      ...Object.fromEntries(limitNames.map((name) => [`LIMIT_${name.toUpperCase()}`, '1000000/s'])),
      ...environment,
    },
    stdio: 'ignore',
  })
  afterwards(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  const url = `http://127.0.0.1:${port}`
  await expect.poll(async () => (await fetch(`${url}/health/ready`).catch(() => undefined))?.status, deadline).toBe(200)
  return { child, url }
}

it('a worker that stands still for 20 s in the middle of its writes makes nobody miss anything', async () => {
  const app = await anApp({}, { sync: { overlapMs: 0, clockMarginMs: 0 } })
  const { owner, members, conversation } = await aGroup(app, 2)
  const [, bob] = members
  if (!bob) throw new Error('a group of two')
  const worker = await aProcess({ MONGO_URI: app.context.config.mongo.uri, REDIS_URL: inject('redisUrl'), JWT_SECRET: app.secret })
  /** As a client does: what is answered 503 is asked again. */
  const ask = async (method: string, path: string, body: object): Promise<number> => {
    for (let attempt = 0; ; attempt++) {
      const { status } = await fetch(`${worker.url}/api/v1${path}`, {
        method,
        headers: { authorization: `Bearer ${owner.accessToken}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      if (status !== 503 || attempt === mostAttempts) return status
      await sleep(retryMs)
    }
  }
  const sent = await Promise.all(Array.from({ length: 60 }, (_, n) => owner.send(conversation.id, { text: `${n}` }).expect(201)))
  const stream = await aStream(bob, app)
  const [syncing, late] = [new Synced(bob), new Synced(bob)]
  await syncing.sync()
  await late.sync()

  const edits = sent.map(({ body }, n) => ask('PATCH', `/messages/${body.id}`, { text: `${n} edited` }))
  const sends = sent.map((_, n) =>
    ask('POST', `/conversations/${conversation.id}/messages`, { clientId: crypto.randomUUID(), text: `new ${n}` }),
  )
  await Promise.race(edits)
  worker.child.kill('SIGSTOP')
  const until = Date.now() + stoppedMs
  while (Date.now() < until) await syncing.sync() // what is asked for now is where the next one begins
  worker.child.kill('SIGCONT')
  expect(new Set(await Promise.all([...edits, ...sends]))).toEqual(new Set([200, 201]))

  const texts = async (): Promise<string[]> => {
    const [first, second] = await Promise.all(
      [0, 100].map((afterSeq) => bob.get(`/conversations/${conversation.id}/messages?afterSeq=${afterSeq}&limit=100`)),
    )
    return [...(first?.body.items ?? []), ...(second?.body.items ?? [])].map(({ text }: { text: string }) => text)
  }
  const truth = await texts()
  expect(truth).toHaveLength(120)
  expect(truth.filter((text) => text.endsWith('edited'))).toHaveLength(60)
  for (const client of [syncing, late]) {
    await expect
      .poll(async () => {
        await client.sync()
        return client.textsOf(conversation.id)
      }, deadline)
      .toEqual(truth)
  }
  const told = (name: string) => new Set(dataOf(stream, name).map(({ message }) => (message as { text: string }).text))
  const newlySaid = () => [...told('message.created')].filter((text) => text.startsWith('new ')) // of what was said before the stream, some is told late
  await expect.poll(() => [newlySaid().length, told('message.updated').size], deadline).toEqual([60, 60])
}, 150_000)
