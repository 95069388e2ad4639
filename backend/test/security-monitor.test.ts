import { createHmac, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import type { AuditEntry } from '../src/features/audit/index.js'
import type { ShownMessage } from '../src/platform/outlet.js'
import { anAdmin } from './support/administrators.js'
import { faultsOf } from './support/configuration.js'
import { afterwards, aNeighbour, anApp } from './support/listening.js'
import type { TestApp } from './support/test-app.js'

interface Received {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Takes what is posted, and answers with these statuses in turn, then with 204; none is no answer at all. */
const aReceiver = async (statuses: (number | 'none')[] = []) => {
  const received: Received[] = []
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    received.push({ headers: request.headers, body: await text(request) })
    const status = statuses.shift() ?? 204
    if (status === 'none') request.socket.destroy()
    else response.writeHead(status, { location: '/elsewhere' }).end()
  }
  const server = createServer((request, response) => void answer(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  afterwards(() => void server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/alerts`, received }
}

const secret = randomBytes(32).toString('hex')

/** Two workers that alarm a receiver, and what it got. */
const workers = async (statuses: (number | 'none')[] = []) => {
  const { url, received } = await aReceiver(statuses)
  const mails: ShownMessage[] = []
  const options = { outlet: (message: ShownMessage) => void mails.push(message) }
  const settings = {
    LOG_LEVEL: 'warn',
    SECURITY_WEBHOOK_URL: url,
    SECURITY_WEBHOOK_SECRET: secret,
    SECURITY_ALERT_EMAIL: 'security@example.com',
  }
  const one = await anApp(settings, options)
  const other = await aNeighbour(one, settings, options)
  const settled = () => Promise.all([one, other].map(({ context }) => context.securityMonitor.settled()))
  const alerts = () => received.map(({ body }) => JSON.parse(body))
  const logged = () => [...one.logs, ...other.logs].map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'security alert')
  return { one, other, received, mails, alerts, logged, settled, all: [one, other] as const }
}

const record = async (apps: readonly TestApp[], times: number, entry: Partial<AuditEntry>): Promise<void> => {
  for (let n = 0; n < times; n++) {
    await apps[n % apps.length]?.context.audit.record({ action: 'login', outcome: 'refused', actor: { kind: 'user' }, ...entry })
  }
}
const from = (ip: string) => ({ origin: { ip, userAgent: '' } })

describe('the security monitor', () => {
  it('alarms of more than 10 failed sign-ins from an address, counted over all workers: log, webhook and mail, once', async () => {
    const { all, alerts, logged, mails, settled } = await workers()
    await record(all, 10, from('192.0.2.1'))
    await record(all, 10, from('192.0.2.2'))
    await record(all, 20, { outcome: 'done', ...from('192.0.2.1') })
    await settled()
    expect([alerts(), logged(), mails]).toEqual([[], [], []])
    await record(all, 1, from('192.0.2.1'))
    await settled()
    const alert = {
      kind: 'failed_logins',
      about: 'More than 10 failed sign-ins from one address in an hour',
      key: '192.0.2.1',
      count: 11,
      at: expect.any(String),
    }
    expect(alerts()).toEqual([alert])
    expect(logged()).toMatchObject([{ level: 40, alert }])
    expect(mails).toMatchObject([{ to: 'security@example.com', text: expect.stringContaining('192.0.2.1') }])
    await Promise.all(Array.from({ length: 40 }, () => record(all, 1, from('192.0.2.1'))))
    await settled()
    expect([alerts().length, logged().length, mails.length]).toEqual([1, 1, 1])
    await record(all, 1, from('192.0.2.2'))
    await settled()
    expect(alerts().map(({ key }) => key)).toEqual(['192.0.2.1', '192.0.2.2'])
  })

  it('alarms once of what all workers find at the same moment', async () => {
    const { all, alerts, settled } = await workers()
    await Promise.all(Array.from({ length: 60 }, (_, n) => record([all[n % 2 ? 1 : 0]], 1, from('192.0.2.3'))))
    await settled()
    expect(alerts()).toHaveLength(1)
  })

  it('counts what was before a restart, forgets what is older than an hour, and alarms anew an hour later', async () => {
    const { one, all, alerts, settled } = await workers()
    const audit = one.context.mongo.connection.collection('audit')
    const entries = (count: number, at: Date) =>
      Array.from({ length: count }, () => ({ action: 'login', outcome: 'refused', actor: { kind: 'user' }, at, ...from('192.0.2.4') }))
    await audit.insertMany(entries(20, new Date(Date.now() - 3_700_000)))
    await record(all, 1, from('192.0.2.4'))
    await settled()
    expect(alerts()).toEqual([])
    await audit.insertMany(entries(9, new Date(Date.now() - 3_000_000)))
    await record(all, 1, from('192.0.2.4'))
    await settled()
    expect(alerts()).toHaveLength(1)
    // An hour later, at a worker that was started meanwhile.
    const stored = one.context.mongo.connection.collection<{ _id: string; at: Date }>('security_alerts')
    await stored.updateOne({ _id: 'failed_logins:192.0.2.4' }, { $set: { at: new Date(Date.now() - 3_601_000) } })
    const url = one.context.config.security.webhook?.url ?? ''
    const late = await aNeighbour(one, { SECURITY_WEBHOOK_URL: url, SECURITY_WEBHOOK_SECRET: secret })
    await record([late], 1, from('192.0.2.4'))
    await late.context.securityMonitor.settled()
    expect(alerts()).toHaveLength(2)
  })

  it('alarms of more than 5 changes of who may do what in an hour', async () => {
    const { all, alerts, settled } = await workers()
    const actions = ['user.suspended', 'user.reinstated', 'user.role_changed', 'api_key.created', 'api_key.revoked']
    for (const action of actions) await record(all, 1, { action, outcome: 'done' })
    await record(all, 5, { action: 'user.suspended', outcome: 'refused' })
    await settled()
    expect(alerts()).toEqual([])
    await record(all, 1, { action: 'user.suspended', outcome: 'done' })
    await settled()
    expect(alerts()).toMatchObject([{ kind: 'permission_changes', key: 'all', count: 6 }])
  })

  it('alarms of a refresh token that was used twice, once an hour for a person', async () => {
    const { all, alerts, settled } = await workers()
    const reuse = (id: string) => record(all, 2, { action: 'session.refresh_reuse', actor: { kind: 'user', id } })
    await reuse('ann')
    await reuse('bob')
    await settled()
    expect(alerts().map(({ kind, key }) => [kind, key])).toEqual([
      ['refresh_reuse', 'ann'],
      ['refresh_reuse', 'bob'],
    ])
  })

  it('alarms of a lockdown', async () => {
    const { one, alerts, settled } = await workers()
    const admin = await anAdmin(one)
    await admin.post('/admin/lockdown', {}).expect(204)
    await admin.post('/admin/reopen', {}).expect(204)
    await settled()
    expect(alerts()).toMatchObject([{ kind: 'lockdown', key: 'all', count: 1 }])
  })

  it('signs what it posts, so that the receiver knows whose it is and when it was sent', async () => {
    const { one, received, settled } = await workers()
    await record([one], 1, { action: 'session.refresh_reuse', actor: { kind: 'user', id: 'ann' } })
    await settled()
    const [first] = received
    const [, seconds, signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(first?.headers['x-heliograph-signature'])) ?? []
    expect(signature).toBe(createHmac('sha256', secret).update(`${seconds}.${first?.body}`).digest('hex'))
    expect(Math.abs(Number(seconds) * 1000 - Date.now())).toBeLessThan(600_000)
    expect(first?.headers['content-type']).toBe('application/json')
  })

  it('posts again what failed for the moment, and not what was refused or sent elsewhere', async () => {
    const passing = await workers([503, 'none'])
    await record([passing.one], 1, { action: 'session.refresh_reuse', actor: { kind: 'user', id: 'ann' } })
    await passing.settled()
    expect(passing.received).toHaveLength(3)
    for (const status of [400, 302]) {
      const refused = await workers(status === 302 ? [302, 302, 302] : [400])
      await record([refused.one], 1, { action: 'session.refresh_reuse', actor: { kind: 'user', id: 'ann' } })
      await refused.settled()
      expect(refused.received.every(({ body }) => JSON.parse(body).key === 'ann')).toBe(true)
      expect(refused.received.length).toBe(status === 400 ? 1 : 3)
      const failures = refused.one.logs.map((line) => JSON.parse(line).msg)
      expect(failures).toContain('a security alert was not sent')
      expect(refused.mails).toHaveLength(1) // what one way loses another brings
    }
  })

  it('makes nobody wait, and fails nothing, whatever becomes of the webhook', async () => {
    const app = await anApp({ SECURITY_WEBHOOK_URL: 'http://127.0.0.1:1/', SECURITY_WEBHOOK_SECRET: secret })
    const admin = await anAdmin(app)
    await admin.post('/admin/lockdown', {}).expect(204)
    await admin.post('/admin/reopen', {}).expect(204)
  })

  it('is refused a webhook without a secret, a secret without a webhook, and an address that is none', () => {
    const url = 'https://alerts.example.com/x'
    expect(faultsOf({ SECURITY_WEBHOOK_URL: url })).toEqual([expect.stringContaining('SECURITY_WEBHOOK_SECRET: is required')])
    expect(faultsOf({ SECURITY_WEBHOOK_SECRET: secret })).toEqual([expect.stringContaining('SECURITY_WEBHOOK_URL: is required')])
    expect(faultsOf({ SECURITY_WEBHOOK_URL: url, SECURITY_WEBHOOK_SECRET: 'short' })).not.toEqual([])
    expect(faultsOf({ SECURITY_WEBHOOK_URL: 'ftp://x', SECURITY_WEBHOOK_SECRET: secret })).not.toEqual([])
    expect(faultsOf({ SECURITY_ALERT_EMAIL: 'nobody' })).not.toEqual([])
    expect(faultsOf({ SECURITY_WEBHOOK_URL: url, SECURITY_WEBHOOK_SECRET: secret })).toEqual([])
  })
})
