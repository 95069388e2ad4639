import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import compression from 'compression'
import cors from 'cors'
import express, { type RequestHandler } from 'express'
import { rateLimit } from 'express-rate-limit'
import helmet from 'helmet'
import jwt from 'jsonwebtoken'
import { pinoHttp } from 'pino-http'
import { SendMessage } from '../../src/features/messages/schema.js'
import { answerQuestions } from '../answers.js'
import { answerTo, path } from '../http/contract.js'

/** Express 5 with its defaults, each library used as its documentation shows. MIDDLEWARE=all adds the middleware that ours has on. */
const secret = String(process.env['JWT_SECRET'])
const app = express()

if (process.env['MIDDLEWARE'] === 'all') {
  app.use(pinoHttp())
  app.use(helmet())
  app.use(cors())
  app.use(compression())
  app.use(rateLimit({ windowMs: 15 * 60_000, limit: 1_000_000_000 }))
}
app.use(express.json())

const authenticate: RequestHandler = (request, response, next) => {
  try {
    response.locals['user'] = jwt.verify(String(request.headers.authorization).slice('Bearer '.length), secret)
    next()
  } catch {
    response.status(401).json({ error: 'Unauthorized' })
  }
}

app.post(path.replace(/[0-9a-f]{24}/, ':conversationId'), authenticate, (request, response) => {
  const parsed = SendMessage.safeParse(request.body)
  if (parsed.success) response.status(201).json(answerTo(response.locals['user'].sub, parsed.data))
  else response.status(400).json({ error: parsed.error.issues })
})

const server = createServer(app).listen(0, '127.0.0.1', () => {
  answerQuestions({ port: (server.address() as AddressInfo).port }, () => process.cpuUsage())
})
