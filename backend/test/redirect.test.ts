import { writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { anApp } from './support/listening.js'
import { startTestApp } from './support/test-app.js'
import { overTls, portOf, TlsWorld } from './support/tls.js'

const tls = TlsWorld.forThisFile()

describe('the port for who comes over HTTP', () => {
  /** What a request gets, to the byte. */
  const raw = async (port: number, request: string) => {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined)
    socket.write(request)
    return text(socket)
  }
  const locationOf = (answer: string) => /^HTTP\/1\.1 (\d+) [^]*?(?:\r\nLocation: (.*)\r\n[^]*)?$/.exec(answer)?.slice(1)

  it('sends them to the same path over TLS, with their method, at the host that they asked for', async () => {
    const app = await anApp({ ...overTls(tls.good), HTTP_REDIRECT_PORT: '0' })
    const port = app.redirectPort ?? 0
    const there = `:${portOf(app)}`
    for (const [request, location] of [
      [
        'POST /api/v1/auth/login?cookie=true HTTP/1.1\r\nHost: chat.example.com:8080',
        `https://chat.example.com${there}/api/v1/auth/login?cookie=true`,
      ],
      ['GET //evil.example/ HTTP/1.1\r\nHost: [::1]', `https://[::1]${there}//evil.example/`],
      ['GET http://evil.example/x?y HTTP/1.1\r\nHost: chat.example.com', `https://chat.example.com${there}/x?y`],
      ['OPTIONS * HTTP/1.1\r\nHost: chat.example.com', `https://chat.example.com${there}/`],
    ])
      expect(locationOf(await raw(port, `${request}\r\n\r\n`))).toEqual(['308', location])
    for (const host of ['Host: a b', 'Host: user@evil.example', 'Host: x/y', 'Host:'])
      expect(locationOf(await raw(port, `GET / HTTP/1.1\r\n${host}\r\n\r\n`))).toEqual(['400', undefined])
  })

  it('sends them to API_URL where that is set, whatever host they asked for', async () => {
    const app = await anApp({ ...overTls(tls.good), HTTP_REDIRECT_PORT: '0', API_URL: 'https://chat.example.com' })
    const answer = await raw(app.redirectPort ?? 0, 'GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n')
    expect(locationOf(answer)).toEqual(['308', 'https://chat.example.com/health'])
    expect(answer).toMatch(/\r\nCache-Control: no-store\r\n/)
  })

  it('shows a certificate authority what certbot put into the folder, and nothing beside it', async () => {
    const webroot = join(tls.folder, 'webroot')
    const challenges = join(webroot, '.well-known/acme-challenge')
    await mkdir(challenges, { recursive: true })
    writeFileSync(join(challenges, 'token_-1'), 'token_-1.thumbprint')
    writeFileSync(join(webroot, 'secret'), 'secret')
    const app = await anApp({ ...overTls(tls.good), HTTP_REDIRECT_PORT: '0', ACME_WEBROOT: webroot })
    const get = (path: string) => raw(app.redirectPort ?? 0, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    expect(await get('/.well-known/acme-challenge/token_-1')).toMatch(/^HTTP\/1\.1 200 [^]*token_-1\.thumbprint/)
    for (const token of ['other', '', '../../secret', '..%2f..%2fsecret', '.', 'a/b'])
      expect(await get(`/.well-known/acme-challenge/${token}`)).toMatch(/^HTTP\/1\.1 404 /)
    expect(await get('/secret')).toMatch(/^HTTP\/1\.1 308 /)
  })

  it('is closed with the server', async () => {
    const app = await startTestApp({ ...overTls(tls.good), HTTP_REDIRECT_PORT: '0' })
    await app.close()
    await expect(fetch(`http://127.0.0.1:${app.redirectPort}`)).rejects.toThrow()
  })
})
