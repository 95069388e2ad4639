import { deepStrictEqual } from 'node:assert/strict'
import { Pool } from 'undici'
import { z } from 'zod'
import { answerQuestions } from '../answers.js'
import { answerTo, caller, message, path } from './contract.js'

const Question = z.object({ port: z.int(), token: z.string(), seconds: z.number(), connections: z.int() })
type Question = z.infer<typeof Question>

const body = JSON.stringify(message)
const expected = answerTo(caller.userId, message)
const expectedBody = JSON.stringify(expected)

/** Asks over so many connections, each the next when the last is answered. @returns the number of answers @throws at a wrong one */
const load = async ({ port, token, seconds, connections }: Question): Promise<number> => {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections, headersTimeout: 10_000, bodyTimeout: 10_000 })
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const end = performance.now() + seconds * 1000
  let answers = 0
  const ask = async (): Promise<void> => {
    while (performance.now() < end) {
      const answer = await pool.request({ method: 'POST', path, headers, body })
      const text = await answer.body.text()
      deepStrictEqual([answer.statusCode, text], [201, expectedBody])
      answers += 1
    }
  }
  try {
    await Promise.all(Array.from({ length: connections }, ask))
    return answers
  } finally {
    await pool.destroy()
  }
}

answerQuestions('ready', async (question) => load(Question.parse(question)))
