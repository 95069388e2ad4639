import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { ControlFeed } from '../src/realtime/control-feed.js'
import { MemoryLog } from '../src/realtime/log/memory-log.js'

/** A log whose next `read` waits until it is let go. */
class SlowLog extends MemoryLog {
  letGo: () => void = () => undefined
  #gate: Promise<void> = Promise.resolve()
  makeWait(): void {
    this.#gate = new Promise((resolve) => {
      this.letGo = resolve
    })
  }
  override async read(...parameters: Parameters<MemoryLog['read']>): ReturnType<MemoryLog['read']> {
    await this.#gate
    return super.read(...parameters)
  }
}

const aFeed = async () => {
  const log = new SlowLog({ entriesPerChannel: 10, ttlSeconds: 3600 })
  const heard: string[] = []
  const gaps: number[] = []
  const feed = new ControlFeed({
    log,
    heed: (message) => void heard.push(message.toString()),
    onHead: () => undefined,
    onGap: () => void gaps.push(heard.length),
  })
  let connected = true
  log.listen({
    frame: (channel, id, frame) => {
      if (connected && id !== undefined && channel.startsWith('control')) feed.arrived(0, id, frame)
    },
    gap: () => undefined,
    restored: () => undefined,
  })
  const tell = (said: string) => log.append({ channel: 'user:u', eventId: randomUUID(), frame: Buffer.from('x'), control: { said } })
  const lose = () => {
    connected = false
    feed.lost()
  }
  const reconnect = () => {
    connected = true
  }
  await feed.listen(false)
  return { log, feed, heard, gaps, tell, lose, reconnect }
}
const said = (...words: string[]): string[] => words.map((word) => JSON.stringify({ said: word }))

it('what was told while the connection was lost is heeded before what is told after it, each once', async () => {
  const { log, feed, heard, gaps, tell, lose, reconnect } = await aFeed()
  await tell('first')
  lose()
  await tell('meanwhile')
  await tell('meanwhile too')
  reconnect()
  log.makeWait()
  const listening = feed.listen(true)
  await tell('live, while the gap is read') // is not in the log's head any more, or is: heeded once either way
  expect(heard).toEqual(said('first'))
  expect(feed.hearing).toBeUndefined()
  log.letGo()
  await listening
  await tell('live')
  expect(heard).toEqual(said('first', 'meanwhile', 'meanwhile too', 'live, while the gap is read', 'live'))
  expect(gaps).toEqual([])
})

it('a gap that is read while the connection is lost again is read on from there, and nothing is heeded twice', async () => {
  const { log, feed, heard, tell, lose, reconnect } = await aFeed()
  lose()
  await tell('one')
  reconnect()
  log.makeWait()
  const failing = expect(feed.listen(true)).rejects.toThrow('lost again')
  await tell('two')
  lose()
  await tell('three')
  log.letGo()
  await failing
  reconnect()
  await feed.listen(true)
  expect(heard).toEqual(said('one', 'two', 'three'))
})

it('a log that has forgotten some of it has a gap', async () => {
  const { feed, gaps, tell, lose, reconnect } = await aFeed()
  await tell('first')
  lose()
  for (let n = 0; n < 20; n++) await tell(String(n))
  reconnect()
  await feed.listen(true)
  expect(gaps).toEqual([1])
})
