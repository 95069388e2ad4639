import { randomBytes } from 'node:crypto'
import jwt from 'jsonwebtoken'
import { readConfig } from '../../src/config.js'
import { createContext } from '../../src/context.js'
import { authenticate } from '../../src/http/authenticate.js'
import { createLogger } from '../../src/platform/logger.js'
import { answerQuestions } from '../answers.js'
import { issuer, type Name, Question } from './contract.js'

/** The real server's parts, never connected to a database, and what they ask at every request before anything else. */
const config = readConfig()
const context = createContext(config, createLogger(config.server.logLevel))
const sessions = 1000
const revoked = 10_000
const anId = (): string => randomBytes(12).toString('hex')

for (let n = 0; n < revoked; n++) context.revokedSessions.note(anId())
const headers = Array.from({ length: sessions }, () => `Bearer ${context.accessTokens.sign({ userId: anId(), sessionId: anId() })}`)

const check = (header: string): void => {
  const caller = authenticate(header, context.accessTokens)
  if (context.revokedSessions.has(caller.sessionId)) throw new Error('nobody has revoked it')
  context.lastSeen.note(caller.sessionId)
  context.admission.check(caller)
}

const options: jwt.VerifyOptions = { algorithms: ['HS256'], issuer, audience: 'heliograph' }
const secret = String(process.env['JWT_SECRET'])
const checks: Record<Name, (header: string) => unknown> = {
  check,
  library: (header) => jwt.verify(header.slice('Bearer '.length), config.tokens.key, options),
  string: (header) => jwt.verify(header.slice('Bearer '.length), secret, options),
}

answerQuestions('ready', (question) => {
  const { name, checks: count } = Question.parse(question)
  const before = process.cpuUsage()
  for (let n = 0; n < count; n++) checks[name](headers[n % sessions] ?? '')
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
})
