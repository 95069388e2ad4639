import { randomUUID } from 'node:crypto'
import express from 'express'
import supertest, { type Response } from 'supertest'
import { z } from 'zod'
import type { AnyEndpoint } from '../../src/http/endpoint.js'
import { type LimitKey, type LimitName, limitRow } from '../../src/http/limits-table.js'
import { mount } from '../../src/http/mount.js'
import { answerProblems } from '../../src/http/problem-answer.js'
import { requestLog } from '../../src/http/request-log.js'
import type { TestApp } from './test-app.js'

/** Who or what asks, by each key that a limit may count. */
export type Asker = Readonly<Record<LimitKey, string>>

let lastAddress = 0
/** An asker that nobody was before; its phone is its account. */
export const anAsker = (): Asker => {
  lastAddress += 1
  const phone = randomUUID()
  return {
    ip: `198.51.${Math.floor(lastAddress / 200)}.${lastAddress % 200}`,
    user: randomUUID(),
    session: randomUUID(),
    account: phone,
    phone,
    family: randomUUID(),
    apiKey: randomUUID(),
  }
}

/** An endpoint that does nothing but count for a limit, at this app. It needs TRUST_PROXY=1's X-Forwarded-For. */
export const limitedBy = (app: TestApp, name: LimitName) => {
  const signedIn = limitRow(name).by.some((key) => key === 'user' || key === 'session')
  const text = z.string()
  const declared: AnyEndpoint = {
    method: 'post',
    path: '/thing',
    summary: 'Counts',
    access: signedIn ? 'user' : 'anyone',
    limit: name,
    request: { body: z.strictObject({ phone: text, refreshToken: text, apiKey: text }) },
    responses: { 204: null },
    handler: () => ({ status: 204 }),
  }
  const server = express().set('trust proxy', 1).use(requestLog(app.context.logger))
  mount(server, '', [declared], app.context)
  server.use(answerProblems(app.context.logger))
  return async (asker: Asker): Promise<Response> => {
    const token = app.context.accessTokens.sign({ userId: asker.user, sessionId: asker.session })
    return supertest(server)
      .post('/thing')
      .set({ 'X-Forwarded-For': asker.ip, ...(signedIn && { Authorization: `Bearer ${token}` }) })
      .send({ phone: asker.phone, refreshToken: `${asker.family}.${randomUUID()}`, apiKey: asker.apiKey })
  }
}

/** Asks one after another. @returns the statuses */
export const repeat = async (times: number, ask: () => PromiseLike<{ status: number }>): Promise<number[]> => {
  const statuses: number[] = []
  for (let n = 0; n < times; n++) statuses.push((await ask()).status)
  return statuses
}
