import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { Closing } from '../../../dev/start/closing.js'
import { startChild } from '../child.js'
import { compileBench } from '../compile.js'
import { report } from '../results.js'
import { median, rounded } from '../statistics.js'
import { Answer, contenders, type Name } from './contract.js'

const core = 0
const checks = 100_000
const rounds = 7
const goalMicroseconds = 15

const about: Record<Name, string> = {
  check: 'the whole check: header, token, revoked, seen, admission',
  library: 'jsonwebtoken.verify alone, with a KeyObject',
  string: 'jsonwebtoken.verify alone, with a string',
}

/** `npm run bench -- access`: what it costs to know who calls and whether they may, in us of CPU time. */
export const benchAccess = async (): Promise<void> => {
  const closing = new Closing()
  try {
    const compiled = await compileBench()
    const environment = { JWT_SECRET: randomBytes(48).toString('base64url'), MONGO_URI: 'mongodb://127.0.0.1:1/never' }
    const child = await startChild(z.string(), { script: compiled('access/check.js'), core, environment, closing })
    const ask = (name: Name): Promise<number> => child.ask(Answer, { name, checks: name === 'string' ? checks / 10 : checks }, 120)
    for (const name of contenders) await ask(name)
    const measured: Record<Name, number[]> = { check: [], library: [], string: [] }
    for (let round = 0; round < rounds; round++) for (const name of contenders) measured[name].push(await ask(name))
    const of = (name: Name): number => rounded(median(measured[name]))
    report('access', {
      rows: [['', 'CPU us a check'], ...contenders.map((name) => [about[name], String(of(name))])],
      summary: `${of('check')} us of CPU time to know who calls (goal ${goalMicroseconds}: ${of('check') < goalMicroseconds ? 'reached' : 'MISSED'})`,
      figures: { checks, rounds: measured },
    })
  } finally {
    await closing.close()
  }
}
