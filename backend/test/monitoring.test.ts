import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run } from '../../dev/services/run.js'
import { testProgram } from '../../dev/services/test-programs.js'
import { metricsIn, valuesIn } from './support/promql.js'
import { Scrape } from './support/scrape.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const folder = fileURLToPath(new URL('../../deploy/monitoring/', import.meta.url))
const read = (path: string) => readFileSync(folder + path, 'utf8')
const rules = ['rules/objectives.yml', 'rules/alerts.yml'].map(read).join('\n')
const dashboards = readdirSync(`${folder}grafana/dashboards`).map((name) => ({ name, text: read(`grafana/dashboards/${name}`) }))
const cases = read('tests/alerts.yml')
const named = [
  'HighErrorRate',
  'ErrorBudgetBurn',
  'AuthenticationFailures',
  'EmailFailures',
  'NoWorkers',
  'HighMemory',
  'HighCpu',
  'SlowQueries',
  'AvailabilityBurn',
  'OutboxStuck',
  'SlowClients',
  'EventLoopLag',
  'LatencyP99',
  'CertificateExpiry',
  'RedisDown',
  'MongoDown',
  'BackupMissing',
]

let app: TestApp
/** Metrics by their names; of a histogram also what it is made of. */
let exported: Set<string>
beforeAll(async () => {
  app = await startTestApp({ METRICS_CERT_FILE: '/nowhere' })
  const { text } = await Scrape.of(app.url)
  exported = new Set(
    [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type]) =>
      type === 'histogram' ? ['_bucket', '_sum', '_count'].map((part) => name + part) : [name],
    ),
  )
})
afterAll(() => app.close())

const promtool = (...words: string[]) => run(testProgram('prometheus'), words, { deadlineSeconds: 30 })

describe('what is watched', () => {
  it('is exported by the server: every metric that a rule or a dashboard names', () => {
    const recorded = valuesIn(rules, 'record')
    const known = new Set([...exported, ...recorded, 'up']) // which Prometheus itself knows
    const used = [
      ...valuesIn(rules, 'expr').flatMap(metricsIn),
      ...dashboards.flatMap(({ text }) =>
        [...text.matchAll(/"expr": ("(?:[^"\\]|\\.)*")/g)].flatMap(([, expr = '""']) => metricsIn(String(JSON.parse(expr)))),
      ),
    ]
    expect(used.length).toBeGreaterThan(60)
    expect(used.filter((name) => !known.has(name))).toEqual([])
  })

  it('has every name that operators’ dashboards are made for', () => {
    const names = [
      'http_requests_total',
      'http_request_duration_seconds_bucket',
      'auth_events_total',
      'email_events_total',
      'redis_sessions_active',
    ]
    const ours = [
      'rate_limit_violations_total',
      'sse_streams',
      'sse_events_delivered_total',
      'sse_slow_disconnects_total',
      'sse_resume_total',
    ]
    const more = [
      'outbox_pending',
      'outbox_oldest_seconds',
      'event_publish_to_socket_seconds_bucket',
      'messages_total',
      'uploads_total',
      'user_actions_total',
    ]
    const below = ['db_command_duration_seconds_bucket', 'db_pool_connections', 'nodejs_eventloop_lag_seconds']
    expect([...names, ...ours, ...more, ...below].filter((name) => !exported.has(name))).toEqual([])
  })

  it('is shown on dashboards whose panels have a title, an expression and the one source', () => {
    expect(dashboards).toHaveLength(3)
    const uid = /uid: (\S+)/.exec(read('grafana/provisioning/datasources/prometheus.yml'))?.[1]
    for (const { name, text } of dashboards) {
      const board = JSON.parse(text)
      expect(`${board.uid}.json`).toBe(name)
      expect(new Set(board.panels.map((panel: { id: number }) => panel.id)).size).toBe(board.panels.length)
      for (const panel of board.panels) {
        expect(panel).toMatchObject({ title: expect.stringMatching(/./), datasource: { type: 'prometheus', uid } })
        expect(panel.targets.length).toBeGreaterThan(0)
      }
    }
  })
})

describe('alert rules', () => {
  it('are all there, each with a case where it fires and one where it is quiet', () => {
    expect(new Set(valuesIn(rules, 'alert'))).toEqual(new Set(named))
    for (const alert of named) {
      const [, ...tested] = cases.split(`alertname: ${alert}\n`)
      expect([alert, tested.some((text) => /^ +exp_alerts:\n/.test(text))]).toEqual([alert, true])
      expect([alert, tested.some((text) => /^ +exp_alerts: \[\]/.test(text))]).toEqual([alert, true])
    }
  })

  it('pass promtool: the rules, what Prometheus is configured with, and every case', async () => {
    await promtool('check', 'config', `${folder}prometheus.yml`)
    const { output } = await promtool('test', 'rules', `${folder}tests/alerts.yml`)
    expect(output).toContain('SUCCESS')
  })

  it('tell which section of the runbook is about them', () => {
    const alerts = rules.split('- alert: ').slice(1)
    for (const alert of alerts) {
      const name = alert.split('\n')[0] ?? ''
      expect(alert).toContain(`runbook: docs/runbook.md#${name.toLowerCase()}\n`)
      expect(alert).toMatch(/severity: (page|ticket)\n/)
    }
  })
})
