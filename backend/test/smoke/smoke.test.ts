import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { freePort } from '../../../dev/services/free-port.js'
import { ended } from '../support/ended.js'
import { anApp } from '../support/listening.js'
import { anotherServer } from '../support/other-server.js'
import { aPerson } from '../support/people.js'
import { smoke } from './smoke.js'
import type { StepResult } from './steps.js'

const program = fileURLToPath(new URL('run.ts', import.meta.url))
const run = (words: readonly string[], environment: Record<string, string> = {}) =>
  ended(process.execPath, ['--import', 'tsx', program, ...words], environment)
const deadlineMs = 20_000

const anAppWithFiles = async (variables: Record<string, string> = {}) => {
  const port = String(await freePort())
  return anApp({ PORT: port, API_URL: `http://127.0.0.1:${port}`, ...variables })
}
const outcomes = (results: readonly StepResult[]) => results.map(({ name, result, why }) => ({ name, result, ...(why && { why }) }))
const notOk = (results: readonly StepResult[]) => outcomes(results).filter(({ result }) => result !== 'ok')

const names = [
  'the server is ready',
  'Ann registers',
  'Bob registers',
  'they begin a conversation',
  'Bob opens a stream',
  'Ann sends a message',
  'Bob receives it',
  'Ann uploads a file',
  'Bob, whom she sends it, gets it',
  'a browser is signed in by QR',
  'it logs out',
  'Ann’s account is deleted',
  'Bob’s account is deleted',
]

describe('npm run smoke', () => {
  it('does at a deployment what people do, prints how each step went, and leaves nobody behind', async () => {
    const app = await anAppWithFiles()
    const { code, stdout, stderr } = await run([app.url])
    const [head, ...rows] = stdout.trimEnd().split('\n')
    expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: '' })
    expect(head).toMatch(/^step +result +ms$/)
    expect(rows.slice(0, -2).map((row) => /^(.+?) {2,}ok +\d+$/.exec(row)?.[1] ?? row)).toEqual(names)
    expect(rows.at(-1)).toBe(`${app.url}: 13 of 13 steps ok`)

    const users = await app.context.mongo.connection.collection('users').find().toArray()
    expect(users.filter(({ phone }) => String(phone).startsWith('+1'))).toEqual([])
  })

  it('ends with 1 where nobody listens, says why, and does not try what cannot be', async () => {
    const url = `http://127.0.0.1:${await freePort()}`
    const { code, stdout } = await run([url])
    expect(code).toBe(1)
    expect(stdout).toMatch(/^the server is ready +failed +\d+ {2}.*ECONNREFUSED/m)
    expect(stdout.match(/not tried/g)).toHaveLength(12)
    expect(stdout.trimEnd().split('\n').at(-1)).toBe(`${url}: 0 of 13 steps ok`)
  })

  it.each([[[]], [['chat.example.com']], [['http://one', 'http://two']]])('says how it is called, called with %j', async (words) => {
    const { code, stdout, stderr } = await run(words)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/^npm run smoke -- URL\n/)
  })

  it('does not show what SMOKE_PEOPLE holds where that is no JSON', async () => {
    const { code, stdout, stderr } = await run(['http://127.0.0.1:1'], { SMOKE_PEOPLE: '+4915112345678:hunter2' })
    expect(code).toBe(2)
    expect(stdout + stderr).not.toContain('hunter2')
  })
})

describe('a smoke test', () => {
  it('fails at something else than this API', async () => {
    const url = await anotherServer((response) => response.end('<h1>It works!</h1>'))
    const results = await smoke(url, { deadlineMs })
    expect(outcomes(results)[0]).toEqual({
      name: 'the server is ready',
      result: 'failed',
      why: 'GET /health/ready: 200, but not as this API answers',
    })
    expect(results.slice(1).every(({ result }) => result === 'not tried')).toBe(true)
  })

  it('fails where no answer comes in time', async () => {
    const url = await anotherServer(() => {})
    const [first] = await smoke(url, { deadlineMs: 200 })
    expect(first).toMatchObject({ result: 'failed', why: expect.stringMatching(/timeout/) })
  })

  it('fails at what hears nothing, and goes on with the rest', async () => {
    const app = await anAppWithFiles()
    app.context.hub.drain() // it serves requests, and refuses streams
    const url = await anotherServer((response, { method, path, headers, body }) => {
      if (path === '/health/ready') {
        response.end('{"status":"ready"}')
        return
      }
      const { host: _host, connection: _connection, 'content-length': _length, 'transfer-encoding': _encoding, ...kept } = headers
      const asked = { method, headers: kept as Record<string, string>, body: method === 'GET' ? null : body }
      void fetch(`${app.url}${path}`, asked).then(async (answer) => {
        response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'text/plain' })
        response.end(await answer.text())
      })
    })
    const results = await smoke(url, { deadlineMs })
    expect(notOk(results)).toMatchObject([
      { name: 'Bob opens a stream', result: 'failed', why: expect.stringMatching(/^No event stream, but 503/) },
      { name: 'Bob receives it', result: 'not tried' },
      { name: 'a browser is signed in by QR', result: 'failed' },
      { name: 'it logs out', result: 'not tried' },
    ])
  })

  it('says that a phone has to be proved, and works with people who have accounts', async () => {
    const app = await anAppWithFiles()
    const strict = await anAppWithFiles({ PHONE_VERIFICATION: 'required', MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: app.secret })
    const [, registration] = await smoke(strict.url, { deadlineMs })
    expect(registration).toMatchObject({ result: 'failed', why: expect.stringContaining('verification_required') })

    const people = [await aPerson(app), await aPerson(app, { name: 'Bob' })] as const
    expect(notOk(await smoke(strict.url, { people, deadlineMs }))).toEqual([])
    await people[0].get('/users/me').expect(200)
  })
})
