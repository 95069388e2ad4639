import { randomInt, randomUUID } from 'node:crypto'
import { mongo } from 'mongoose'
import { z } from 'zod'
import type { Api } from '../clients/api.js'
import type { Violation } from '../findings.js'
import type { Database } from '../services/database.js'

const Registered = z.object({ user: z.object({ id: z.string() }) })
const SignedIn = z.object({ accessToken: z.string() })
const Checked = z.object({ differences: z.array(z.object({ kind: z.string() }).loose()) })

/** What the product's own check finds in conversations, asked for by an administrator. */
export async function* checkConsistency(
  database: Pick<Database, 'collection'>,
  api: Api,
  conversationIds: Iterable<string>,
  signal: AbortSignal,
): AsyncGenerator<Violation> {
  const token = await anAdministrator(database, api, signal)
  for (const conversationId of conversationIds) {
    const answer = await api
      .call({ method: 'POST', path: `/admin/conversations/${conversationId}/check`, token, body: {} }, signal)
      .catch((error: unknown) => {
        if (signal.aborted) return undefined // each that differs is given a while to come right
        throw error
      })
    if (!answer) return yield { kind: 'error', what: `the checks were not answered in time: that of ${conversationId}`, conversationId }
    const { status, body } = answer
    if (status !== 200) yield { kind: 'error', what: `the check of ${conversationId} was answered ${status}`, conversationId }
    else
      for (const difference of Checked.parse(body).differences)
        yield { kind: 'inconsistent', what: `${conversationId}: ${JSON.stringify(difference)}`, conversationId }
  }
}

/** Somebody new, who has no part in anything. */
const anAdministrator = async (database: Pick<Database, 'collection'>, api: Api, signal: AbortSignal): Promise<string> => {
  const [phone, password] = [`+4915${randomInt(1e8, 1e9)}`, `A long password ${randomUUID()}`]
  const registered = await api.call({ method: 'POST', path: '/auth/register', body: { phone, password, name: 'Checker' } }, signal)
  const _id = new mongo.ObjectId(Registered.parse(registered.body).user.id)
  await database.collection('users').updateOne({ _id }, { $set: { role: 'admin' } })
  const signedIn = await api.call({ method: 'POST', path: '/auth/login', body: { phone, password } }, signal)
  return SignedIn.parse(signedIn.body).accessToken
}
