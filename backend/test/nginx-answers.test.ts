import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ProblemCode, problems } from '../src/http/problem.js'
import { type Nginx, startNginx } from './support/nginx.js'
import { ask, protocols, type RawAnswer } from './support/nginx-client.js'
import { nginxFolder } from './support/nginx-files.js'
import { TcpProxy, targetOf } from './support/tcp-proxy.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
let proxy: TcpProxy // between nginx and the product
let nginx: Nginx
beforeAll(async () => {
  app = await startTestApp({ TRUST_PROXY: 'loopback', UPLOAD_DIR: '' })
  proxy = await TcpProxy.open(targetOf(app.url))
  nginx = await startNginx(proxy.port)
})
afterAll(async () => {
  await nginx.stop()
  await proxy.close()
  await app.close()
})

/** What an answer says, if it says it as the API does. */
const problemOf = async (answer: RawAnswer) => {
  expect(answer.valueOf('content-type')).toBe('application/problem+json; charset=utf-8')
  const problem = JSON.parse(await answer.whole()) as {
    code: ProblemCode
    title: string
    type: string
    status: number
    detail: string
    requestId: string
  }
  const { code } = problem
  expect(problem).toMatchObject({
    type: `urn:heliograph:problem:${code}`,
    title: problems[code][1],
    detail: problems[code][1],
    status: answer.status,
  })
  expect(problem.requestId).toBe(answer.valueOf('x-request-id'))
  return problem
}

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))

describe('the configuration of nginx', () => {
  it('is good, every file of it', async () => {
    const said = await nginx.test()
    expect(said).toContain('test is successful')
    const read = new Set(Array.from(said.matchAll(/^# configuration file .*?\/nginx\/(.*):$/gm), ([, file]) => file))
    const files = filesBelow(nginxFolder)
    expect(files.length).toBeGreaterThan(10)
    expect(files.filter((file) => !read.has(file))).toEqual([])
  })
})

describe('TLS at nginx', () => {
  const aConnection = (version: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3') =>
    new Promise<string>((resolve, reject) => {
      const port = Number(new URL(nginx.https).port)
      const ciphers = 'DEFAULT@SECLEVEL=0' // else this side would refuse TLS 1.1
      const ALPNProtocols = ['h2', 'http/1.1']
      const ca = readFileSync(nginx.authority)
      const socket = connectTls({ port, host: '127.0.0.1', ca, minVersion: version, maxVersion: version, ciphers, ALPNProtocols })
      socket.once('error', reject).once('secureConnect', () => {
        resolve(`${socket.getProtocol()} ${socket.alpnProtocol} ${socket.getCipher().name}`)
        socket.destroy()
      })
    })

  it('is 1.2 or 1.3, forward secret, with HTTP/2', async () => {
    await expect(aConnection('TLSv1.3')).resolves.toMatch(/^TLSv1\.3 h2 TLS_/)
    await expect(aConnection('TLSv1.2')).resolves.toMatch(/^TLSv1\.2 h2 ECDHE-ECDSA-AES\d+-GCM-/)
    await expect(aConnection('TLSv1.1')).rejects.toThrow(/protocol version/)
  })

  it('is where everything in the clear is sent, with its method', async () => {
    const answer = await fetch(`${nginx.http}/api/v1/config?x=1`, { method: 'POST', redirect: 'manual' })
    expect([answer.status, answer.headers.get('location'), answer.headers.get('cache-control')]).toEqual([
      308,
      'https://127.0.0.1/api/v1/config?x=1',
      'no-store',
    ])
    const confused = await fetch(nginx.https.replace('https', 'http'), { redirect: 'manual' })
    expect([confused.status, confused.headers.get('location')]).toEqual([308, 'https://127.0.0.1/'])
  })
})

describe.each(protocols)('an answer of nginx itself over %s', (protocol) => {
  it('has every header that the API’s own have, once, with the same value', async () => {
    const ofApi = await ask(protocol, nginx, '/nowhere')
    const ofNginx = await ask(protocol, nginx, '/nowhere', { method: 'TRACE' })
    expect([ofApi.status, ofNginx.status]).toEqual([404, 404])
    const itsOwn = /^(date|content-length|x-request-id|vary|access-control-.*|(x-)?ratelimit.*)$/
    for (const name of ofApi.names.filter((each) => !itsOwn.test(each)))
      expect([name, ofNginx.valueOf(name)]).toEqual([name, ofApi.valueOf(name)])
    for (const answer of [ofApi, ofNginx]) {
      expect(answer.names.filter((name, n) => answer.names.indexOf(name) !== n)).toEqual([])
      expect(answer.valueOf('strict-transport-security')).toBe('max-age=31536000; includeSubDomains')
      expect(answer.valueOf('server')).toBe('nginx') // without its version
    }
    expect((await problemOf(ofNginx)).code).toBe('not_found')
  })

  it('is a problem while no worker answers', async () => {
    proxy.cut()
    for (const path of ['/api/v1/config', '/sse', '/api/v1/auth/login', '/metrics']) {
      const answer = await ask(protocol, nginx, path, { headers: { 'x-request-id': 'mine-1' } })
      expect([path, answer.status, answer.valueOf('retry-after')]).toEqual([path, 502, '2'])
      expect(await problemOf(answer)).toMatchObject({ code: 'service_unavailable', requestId: 'mine-1' })
    }
    proxy.restore()
    await expect.poll(async () => (await ask(protocol, nginx, '/health/live')).status).toBe(200)
  })

  it('is a problem where a body is too large; uploads may be larger', async () => {
    const body = Buffer.alloc(600 * 1024)
    const refused = await ask(protocol, nginx, '/api/v1/conversations', { method: 'POST', headers: { 'content-length': '614400' }, body })
    expect(refused.status).toBe(413)
    expect((await problemOf(refused)).code).toBe('payload_too_large')
    const path = `/api/v1/uploads/local/${'a'.repeat(24)}?size=614400`
    const passed = await ask(protocol, nginx, path, { method: 'PUT', headers: { 'content-length': '614400' }, body })
    expect([passed.status, (await problemOf(passed)).code]).not.toContain(413)
  })

  it('is a problem past the rate of a zone, for one address or one network of IPv6', async () => {
    const signIn = (address: string) => {
      const headers = { 'content-type': 'application/json', 'x-forwarded-for': address }
      return ask(protocol, nginx, '/api/v1/auth/login', { method: 'POST', headers, body: '{"phone":"+4915112345678","password":"wrong"}' })
    }
    const network = protocol === 'HTTP/2' ? '2001:db8:0:aa' : '2001:db8:0:bb'
    const addresses = Array.from({ length: 30 }, (_, n) => `${network}${String(n).padStart(2, '0')}:${n}::1`)
    const answers = await Promise.all(addresses.map(signIn))
    const refused = answers.filter(({ status }) => status === 429)
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(21) // the burst, and one that the rate allows
    expect(refused).toHaveLength(9)
    for (const answer of refused) {
      expect((await problemOf(answer)).code).toBe('rate_limited')
      expect(answer.valueOf('retry-after')).toBe('1')
    }
    expect((await signIn(`2001:db8:0:cc${protocol === 'HTTP/2' ? '01' : '11'}::1`)).status).toBe(401) // a neighbour
    expect((await ask(protocol, nginx, '/health/live', { headers: { 'x-forwarded-for': addresses[0] ?? '' } })).status).toBe(200) // another zone
  })
})

it('what cannot be read at all is a problem, too', async () => {
  const answer = await ask('HTTP/1.1', nginx, `/${'a'.repeat(40_000)}`)
  expect(answer.status).toBe(400)
  expect((await problemOf(answer)).code).toBe('validation_failed')
})
