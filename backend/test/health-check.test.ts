import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { freePort } from '../../dev/services/free-port.js'
import { projectFolder } from '../../dev/services/project.js'
import { ended } from './support/ended.js'
import { anApp } from './support/listening.js'
import { anotherServer } from './support/other-server.js'

const script = join(projectFolder, 'deploy/health_check.sh')
const check = (words: readonly string[], environment: Record<string, string> = {}) => ended(script, words, environment)
const nobody = '127.0.0.1:1'

describe('deploy/health_check.sh', () => {
  it('says in one line that all works; with -q nothing', async () => {
    const { url } = await anApp()
    expect(await check([url])).toEqual({ code: 0, stdout: `OK ${url}: ready, healthy\n`, stderr: '' })
    expect(await check([`${url}/`])).toMatchObject({ code: 0, stdout: `OK ${url}: ready, healthy\n` })
    expect(await check(['-q', url])).toEqual({ code: 0, stdout: '', stderr: '' })
  })

  it('warns where requests are served and something is away, and says what; with -q too', async () => {
    const { url } = await anApp({ REDIS_URL: `redis://${nobody}` }, { waitForRedis: false })
    const warning = { code: 1, stdout: `WARNING ${url}: ready, degraded, without redis\n`, stderr: '' }
    expect(await check([url])).toEqual(warning)
    expect(await check(['-q', url])).toEqual(warning)
  })

  it('is critical while the database is away, and while a worker drains', async () => {
    const variables = { MONGO_URI: `mongodb://${nobody}`, MONGO_SELECTION_TIMEOUT_MS: '100' }
    const { url } = await anApp(variables, { waitForDatabase: false })
    expect(await check(['-q', url])).toEqual({ code: 2, stdout: `CRITICAL ${url}: /health/ready: 503 starting\n`, stderr: '' })
    const draining = await anApp()
    draining.context.hub.drain()
    expect(await check([draining.url])).toMatchObject({ code: 2, stdout: `CRITICAL ${draining.url}: /health/ready: 503 draining\n` })
  })

  it('is critical where the database goes between the two questions', async () => {
    const checks = '"checks":{"database":{"status":"unhealthy","responseTime":null},"redis":{"status":"healthy","responseTime":1}}'
    const url = await anotherServer((response, { path }) => {
      response.statusCode = path === '/health' ? 503 : 200
      response.end(path === '/health' ? `{"status":"unhealthy",${checks}}` : '{"status":"ready"}')
    })
    expect(await check([url])).toMatchObject({ code: 2, stdout: `CRITICAL ${url}: /health: 503 unhealthy, without database\n` })
  })

  it('is critical where nobody listens, where no answer comes in time, and where something else answers', async () => {
    const closed = `http://127.0.0.1:${await freePort()}`
    const nobodyThere = await check([closed])
    expect(nobodyThere).toMatchObject({ code: 2, stderr: '' })
    expect(nobodyThere.stdout).toMatch(/^CRITICAL http\S+: \/health\/ready: curl: \(7\) [^\n]+\n$/)

    const silent = await anotherServer(() => {})
    const late = await check([silent], { HEALTH_TIMEOUT_SECONDS: '1' })
    expect(late).toMatchObject({ code: 2, stderr: '' })
    expect(late.stdout).toMatch(/^CRITICAL http\S+: \/health\/ready: curl: \(28\) [^\n]+\n$/)

    const other = await anotherServer((response) => response.end('<h1>It works!</h1>\n'))
    expect(await check([other])).toMatchObject({ code: 2, stdout: `CRITICAL ${other}: /health/ready: 200, but not from this API\n` })
  })

  it.each([[[]], [['-q']], [['chat.example.com']], [['http://one', 'http://two']]])(
    'says how it is called, called with %j',
    async (words) => {
      const { code, stdout, stderr } = await check(words)
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
      expect(stderr).toMatch(/^usage: [^\n]+\n$/)
    },
  )
})
