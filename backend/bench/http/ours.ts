import type { Express } from 'express'
import { z } from 'zod'
import { createApp } from '../../src/app.js'
import { readConfig } from '../../src/config.js'
import { createContext } from '../../src/context.js'
import { MessageView, SendMessage } from '../../src/features/messages/schema.js'
import { endpoint } from '../../src/http/endpoint.js'
import { mount } from '../../src/http/mount.js'
import { HttpServer } from '../../src/http/server.js'
import { createLogger } from '../../src/platform/logger.js'
import { answerQuestions } from '../answers.js'
import { answerTo, path } from './contract.js'

/** The real server, never connected to a database, with one more endpoint. */
const answer = endpoint({
  method: 'post',
  path: path.replace(/[0-9a-f]{24}/, ':conversationId'),
  summary: 'Answers without a database',
  access: 'user',
  limit: 'messages',
  request: { params: z.object({ conversationId: z.string() }), body: SendMessage },
  responses: { 201: MessageView },
  handler: ({ caller, body }) => ({ status: 201, body: answerTo(caller.userId, body) }),
})

/** Ahead of what answers 404 for paths that nobody has: the last three layers. */
const moveBeforeNotFound = (app: Express): void => {
  const { stack } = app.router
  stack.splice(-3, 0, ...stack.splice(-1))
}

const config = readConfig()
const context = createContext(config, createLogger(config.server.logLevel))
const app = createApp(context)
mount(app, '', [answer], context)
moveBeforeNotFound(app)
const port = await new HttpServer(app).listen(0, '127.0.0.1')
answerQuestions({ port }, () => process.cpuUsage())
