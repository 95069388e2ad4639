import { expect, it } from 'vitest'
import { Pump } from '../src/platform/pump.js'

it('a pump does all work, in whatever moment of its coming to rest it is woken', async () => {
  for (let ticks = 0; ticks < 30; ticks++) {
    const done: string[] = []
    const waiting = ['first']
    const pump = new Pump(
      () => waiting.length > 0,
      async () => {
        done.push(...waiting.splice(0))
        await Promise.resolve()
      },
    )
    pump.wake()
    for (let tick = 0; tick < ticks; tick++) await Promise.resolve()
    waiting.push('second')
    pump.wake()
    await pump.settled()
    expect(done, `woken after ${ticks} microtasks`).toEqual(['first', 'second'])
  }
})
