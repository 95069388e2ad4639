import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { projectFolder } from '../../dev/services/project.js'
import { afterwards } from './support/listening.js'
import { startRedis } from './support/redis-server.js'
import { publishIsReceived, startClients, until } from './support/redis-server-clients.js'

/** What docs/runbook.md has typed into redis-cli to change its password: what lets the new one in, and what puts the former one out. */
const steps = [...readFileSync(join(projectFolder, 'docs/runbook.md'), 'utf8').matchAll(/`redis-cli ACL SETUSER default '([^']+)'`/g)].map(
  ([, rule = '']) => rule,
)

describe('the password of Redis', () => {
  it('is changed by the steps of the runbook without a worker losing Redis', async () => {
    const server = await startRedis({ password: 'former' })
    afterwards(() => server.stop())
    const knowing = (password: string) => startClients({ REDIS_URL: `redis://127.0.0.1:${server.port}`, REDIS_PASSWORD: password })
    const old = knowing('former')
    await until(() => old.clients.ready)

    expect(steps).toEqual(['>new', '<former'])
    await server.admin.acl('SETUSER', 'default', steps[0] ?? '')
    const reloaded = knowing('new')
    await until(() => reloaded.clients.ready)
    const startedMeanwhile = knowing('former')
    await until(() => startedMeanwhile.clients.ready)

    await server.admin.acl('SETUSER', 'default', steps[1] ?? '')
    for (const { clients } of [old, reloaded]) await publishIsReceived(clients)
    const late = knowing('former')
    await until(() => late.logs.some((line) => line.includes('WRONGPASS')))
    expect(late.clients.ready).toBe(false)
  })
})
