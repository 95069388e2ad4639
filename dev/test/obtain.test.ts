import { describe, expect, it } from 'vitest'
import { NoWayError, obtain, type Running, type Setting, type Way } from '../services/service.js'
import { aFolder } from './support/folder.js'

const running: Running = { url: 'x://here', description: 'here', stop: async () => {} }
const closed: Way = { name: 'closed', remedy: 'open it', find: async () => ({ usable: false, reason: 'it is shut' }) }
const open: Way = { name: 'open', remedy: '-', find: async () => ({ usable: true, start: async () => running }) }
const broken: Way = {
  name: 'broken',
  remedy: 'mend it',
  find: async () => ({ usable: true, start: () => Promise.reject(new Error('it fell apart')) }),
}

const aSetting = (lines: string[] = []): Setting => ({
  environment: {},
  dataFolder: aFolder(),
  durable: false,
  progress: (line) => lines.push(line),
})

describe('getting a service', () => {
  it('takes the first way that is open', async () => {
    await expect(obtain('Thing', [closed, open, broken], aSetting())).resolves.toBe(running)
  })

  it('goes on to the next way when one fails, and says so', async () => {
    const lines: string[] = []
    await expect(obtain('Thing', [broken, open], aSetting(lines))).resolves.toBe(running)
    expect(lines).toEqual(['Thing: broken failed: it fell apart'])
  })

  it('names every way, why it failed and what to type, when none works', async () => {
    const error = await obtain('Thing', [closed, broken], aSetting()).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(NoWayError)
    expect(String(error)).toContain('closed: it is shut\n    open it')
    expect(String(error)).toContain('broken: it fell apart\n    mend it')
  })
})
