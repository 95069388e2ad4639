import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { Findings } from '../findings.js'
import { Random } from '../random.js'
import { Api } from './api.js'
import type { ConnectionHandlers } from './connection.js'
import { Device } from './device.js'

const message = (seq: number) => ({
  id: `m${seq}`,
  conversationId: 'hill',
  seq,
  senderId: 'ann',
  clientId: `c${seq}`,
  type: 'user',
  text: 'hello',
  version: 1,
})
const conversation = {
  id: 'hill',
  lastSeq: 3,
  my: { joinedSeq: 2 },
  members: [{ userId: 'ann', deliveredSeq: 2, readSeq: 2 }],
}
const bodies: Record<string, object> = {
  '/api/v1/conversations?limit=100': { items: [], nextCursor: null },
  '/api/v1/conversations/hill': conversation,
  '/api/v1/conversations/hill/messages?limit=100&afterSeq=0': { items: [1, 2, 3].map(message), nextCursor: null },
}

it('a client that hears of a conversation before it is told that it has come into it fetches it then', async () => {
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(bodies[request.url ?? '']))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const findings = new Findings()
  const onFault = (what: string) => findings.add({ kind: 'error', what })
  const api = new Api([`http://127.0.0.1:${(server.address() as AddressInfo).port}`], new Random('routing'), onFault)
  const over = new AbortController()
  let handlers: ConnectionHandlers | undefined
  const device = new Device({
    name: 'P1.1',
    userId: 'bob',
    token: 'token',
    api,
    findings,
    restores: [],
    logRemembers: true,
    open: (_target, given) => {
      handlers = given
      let drop: (why: string) => void = () => undefined
      const ended = new Promise<string>((resolve) => {
        drop = resolve
      })
      return Promise.resolve({ ended, stall: () => undefined, goOn: () => undefined, drop: (why) => drop(why) })
    },
  })
  const running = device.run(over.signal)
  onTestFinished(async () => {
    over.abort()
    await running
    await api.close()
    server.close()
  })

  await expect.poll(() => handlers).toBeDefined()
  handlers?.event({ event: 'resume', data: { verdict: 'live', cursor: 'epoch.1-0', refetch: [] }, id: 'epoch.1-0' })
  await expect.poll(() => device.isLive).toBe(true)
  handlers?.event({ event: 'message.created', data: { message: message(3) }, id: 'epoch.2-0' })
  handlers?.event({ event: 'conversation.created', data: { conversation }, id: 'epoch.3-0' })

  await expect.poll(() => device.isLive && device.view.conversations.get('hill')?.readSeqs.get('ann')).toBe(2)
  expect([...(device.view.conversations.get('hill')?.messages.keys() ?? [])].toSorted((a, b) => a - b)).toEqual([1, 2, 3])
  expect(findings.violations).toEqual([])
})
