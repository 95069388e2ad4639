import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { earliestOf } from '../src/platform/earliest-signal.js'

setFlagsFromString('--expose_gc')
const collect: unknown = runInNewContext('gc')

describe('the earliest of some signals', () => {
  it('comes by a timeout that nobody else knows of, though garbage is collected meanwhile', async () => {
    const signal = earliestOf(new AbortController().signal, AbortSignal.timeout(200))
    const aborted = once(signal, 'abort')
    await sleep(20)
    if (typeof collect !== 'function') throw new Error('garbage cannot be collected')
    collect()
    await aborted
    expect(signal.reason).toMatchObject({ name: 'TimeoutError' })
  })

  it('comes with the reason of the first, and is there at once where one has come before', () => {
    const [first, second] = [new AbortController(), new AbortController()]
    const signal = earliestOf(first.signal, second.signal)
    second.abort('second')
    first.abort('first')
    expect(signal.reason).toBe('second')
    expect(earliestOf(new AbortController().signal, first.signal)).toMatchObject({ aborted: true, reason: 'first' })
  })
})
