import { mongo } from 'mongoose'
import { describe, expect, it } from 'vitest'
import { whileOthersWrite } from '../src/features/messages/while-others-write.js'

/** Answers one after another; an error is thrown. */
const attempts = (...outcomes: (string | null | Error)[]) => {
  const asked = { times: 0 }
  const attempt = (): Promise<string | null> => {
    const outcome = outcomes[Math.min(asked.times++, outcomes.length - 1)] ?? null
    return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome)
  }
  return { asked, attempt }
}
const writeConflict = new mongo.MongoServerError({ message: 'WriteConflict', code: 112 })

describe('a change while others write', () => {
  it('is tried again where another one came first, and where the database refuses two at once', async () => {
    const { asked, attempt } = attempts(null, writeConflict, null, 'changed')
    expect(await whileOthersWrite(attempt)).toBe('changed')
    expect(asked.times).toBe(4)
  })

  it('is given up after 20 times', async () => {
    const { asked, attempt } = attempts(null)
    await expect(whileOthersWrite(attempt)).rejects.toMatchObject({ code: 'conflict' })
    expect(asked.times).toBe(20)
  })

  it('is not tried again where it failed for another reason', async () => {
    const { asked, attempt } = attempts(new Error('no'), 'changed')
    await expect(whileOthersWrite(attempt)).rejects.toThrow('no')
    expect(asked.times).toBe(1)
  })
})
