import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import { answerQuestions } from '../answers.js'
import { type Call, type Loaded, LoadQuestion, type Operation } from './contract.js'

const requestTimeoutMs = 20_000

/** @throws at an answer that is not expected. @returns false where it was refused */
const callOn = async (pool: Pool, { method, path, token, body, expected }: Call): Promise<boolean> => {
  const headers = { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': 'application/json' }) }
  const answer = await pool.request({ method, path: `/api/v1${path}`, headers, ...(body !== undefined && { body }) })
  const text = await answer.body.text()
  if (answer.statusCode === 503) return false
  if (answer.statusCode !== expected) throw new Error(`${method} ${path} was answered with ${answer.statusCode}: ${text.slice(0, 500)}`)
  return true
}

const load = async ({ port, operations, connections, perSecond }: LoadQuestion): Promise<Loaded> => {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections, headersTimeout: requestTimeoutMs, bodyTimeout: requestTimeoutMs })
  const latenciesMs: number[] = []
  let refused = 0
  const begun = performance.now()
  const perform = async (operation: Operation, from: number): Promise<void> => {
    for (const call of operation) {
      if (await callOn(pool, call)) continue
      refused += 1
      return
    }
    latenciesMs.push(performance.now() - from)
  }
  const byTheClock = async (rate: number): Promise<void> => {
    const performed: Promise<void>[] = []
    for (const [n, operation] of operations.entries()) {
      const due = begun + (n * 1000) / rate
      const waitMs = due - performance.now()
      if (waitMs > 0) await sleep(waitMs)
      performed.push(perform(operation, due))
    }
    await Promise.all(performed)
  }
  const oneAfterAnother = async (): Promise<void> => {
    const left = operations.values()
    const take = async (): Promise<void> => {
      for (const operation of left) await perform(operation, performance.now())
    }
    await Promise.all(Array.from({ length: connections }, take))
  }
  try {
    await (perSecond === undefined ? oneAfterAnother() : byTheClock(perSecond))
    return { latenciesMs, refused, seconds: (performance.now() - begun) / 1000 }
  } finally {
    await pool.destroy()
  }
}

answerQuestions('ready', (question) => load(LoadQuestion.parse(question)))
