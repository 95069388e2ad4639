import { expect, it, onTestFinished } from 'vitest'
import { aDirectConversation } from '../../support/people.js'
import { startTestApp } from '../../support/test-app.js'
import { Api } from '../clients/api.js'
import type { Violation } from '../findings.js'
import { Random } from '../random.js'
import { checkConsistency } from './consistency.js'

it('what a conversation has wrong is found at the end of a run', async () => {
  const app = await startTestApp({}, { consistency: { patienceMs: 1000 } })
  const api = new Api([app.url], new Random('consistency'), (what) => expect.fail(what))
  onTestFinished(async () => {
    await api.close()
    await app.close()
  })
  const { ann, conversation } = await aDirectConversation(app)
  await ann.send(conversation.id, {}).expect(201)
  const found = async (): Promise<Violation[]> => {
    const violations: Violation[] = []
    for await (const violation of checkConsistency(app.context, api, [conversation.id], AbortSignal.timeout(15_000)))
      violations.push(violation)
    return violations
  }
  await expect.poll(found, { timeout: 30_000 }).toEqual([])
  await app.context.mongo.connection.collection('conversations').updateMany({}, { $set: { lastSeq: 0 } })
  expect(await found()).toMatchObject([
    { kind: 'inconsistent', what: expect.stringContaining('last_seq'), conversationId: conversation.id },
  ])
})
