import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { becomesTrue } from '../../../dev/services/deadline.js'
import { Deployment } from './deployment.js'
import { type Credentials, deleteAccount, logOut, register, signIn } from './person.js'
import { signInByQr } from './qr.js'
import { type StepResult, Steps } from './steps.js'
import { download, upload } from './uploads.js'

const Ready = z.object({ status: z.literal('ready') })
const Made = z.object({ id: z.string() })

interface Options {
  /** Two who have accounts; without, two are registered, and deleted in the end. */
  readonly people?: readonly [Credentials, Credentials] | undefined
  /** For each answer and each event. */
  readonly deadlineMs: number
  readonly tell?: (step: StepResult) => void
}

/** Does once what people do, at a deployment that runs. Never throws for it: what fails is in the results. */
export const smoke = async (origin: string, { people, deadlineMs, tell = () => {} }: Options): Promise<readonly StepResult[]> => {
  const at = new Deployment(origin, deadlineMs)
  const steps = new Steps(tell)
  const comesIn = (index: 0 | 1) => (people ? signIn(at, people[index]) : register(at, `Smoke test ${index + 1}`))
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

  const ready = await steps.take('the server is ready', [], () => at.call({ method: 'GET', path: '/health/ready' }, Ready))
  const ann = await steps.take(people ? 'Ann signs in' : 'Ann registers', [ready], () => comesIn(0))
  const bob = await steps.take(people ? 'Bob signs in' : 'Bob registers', [ready], () => comesIn(1))

  const conversation = await steps.take('they begin a conversation', [ann, bob], ([{ token }, { id }]) =>
    at.call({ method: 'POST', path: '/api/v1/conversations', token, body: { type: 'direct', userId: id } }, Made),
  )
  const send = (token: string, conversationId: string, content: object) => {
    const body = { clientId: randomUUID(), ...content }
    return at.call({ method: 'POST', path: `/api/v1/conversations/${conversationId}/messages`, token, body }, Made)
  }
  const stream = await steps.take('Bob opens a stream', [bob, conversation], async ([{ token }]) => {
    const opened = await at.listen('/sse', bearer(token))
    await at.hears(opened, 'resume', z.object({ verdict: z.literal('live') }))
    return opened
  })
  const sent = await steps.take('Ann sends a message', [ann, conversation], ([{ token }, { id }]) =>
    send(token, id, { text: 'Three flashes, then one' }),
  )
  await steps.take('Bob receives it', [stream, sent], ([opened, { id }]) =>
    at.hears(opened, 'message.created', z.object({ message: z.object({ id: z.literal(id) }) })),
  )
  const file = await steps.take('Ann uploads a file', [ann], ([person]) => upload(at, person))
  await steps.take('Bob, whom she sends it, gets it', [ann, bob, conversation, file], async ([from, to, { id }, had]) => {
    await send(from.token, id, { attachments: [had.uploadId] })
    await download(at, to, had)
  })
  const browser = await steps.take('a browser is signed in by QR', [ann], ([person]) => signInByQr(at, person))
  await steps.take('it logs out', [browser], async ([session]) => {
    const opened = await at.listen('/sse', bearer(session.token))
    await at.hears(opened, 'resume', z.unknown())
    await logOut(at, session)
    await at.hears(opened, 'session.revoked', z.unknown())
    const asked = { method: 'GET', path: '/api/v1/users/me', token: session.token } as const
    const refused = await becomesTrue(deadlineMs / 1000, async () => (await at.fetch(asked)).status === 401)
    if (!refused) throw new Error('its token is still taken')
  })

  const goes = people ? logOut : deleteAccount
  await steps.take(people ? 'Ann logs out' : 'Ann’s account is deleted', [ann], ([person]) => goes(at, person))
  await steps.take(people ? 'Bob logs out' : 'Bob’s account is deleted', [bob], ([person]) => goes(at, person))
  await at.close()
  return steps.results
}
