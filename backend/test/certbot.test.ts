import { X509Certificate } from 'node:crypto'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { freePort } from '../../dev/services/free-port.js'
import { projectFolder } from '../../dev/services/project.js'
import { run } from '../../dev/services/run.js'
import { temporaryFolder } from '../../dev/services/temporary-folder.js'
import { type CertificateAuthority, startCertificateAuthority } from './support/certificate-authority.js'
import { afterwards, anApp } from './support/listening.js'
import { startNginxWith } from './support/nginx.js'
import { fingerprintAt } from './support/nginx-client.js'

const folder = temporaryFolder()
const script = (name: string) => join(projectFolder, 'deploy/certbot', name)
const live = {
  certificate: join(folder.path, 'certbot/live/heliograph/fullchain.pem'),
  key: join(folder.path, 'certbot/live/heliograph/privkey.pem'),
}
const whose = ['chat.example.com', 'admin@example.com']
const timeoutMs = 120_000
let httpPort: number
let authority: CertificateAuthority
beforeAll(async () => {
  httpPort = await freePort()
  authority = await startCertificateAuthority(folder.path, httpPort)
})
afterAll(async () => {
  await authority.stop()
  folder.remove()
})

const fingerprintOf = (file: string) => new X509Certificate(readFileSync(file)).fingerprint256
const tlsFolder = (name: string): string => {
  const path = join(folder.path, name)
  mkdirSync(path)
  return path
}
/** The first certificate; nothing listens where the challenge is asked for. */
const obtain = (environment: Record<string, string>) =>
  authority.certbot(script('standalone.sh'), [...whose, '--http-01-port', String(httpPort), '--force-renewal'], {
    NGINX_COMMAND: 'none',
    ...environment,
  })

/** It began with the first certificate, before an API. */
const anNginx = async () => {
  await obtain({ TLS_FOLDER: join(folder.path, 'none') })
  const app = await anApp({ TRUST_PROXY: 'loopback' })
  const nginx = await startNginxWith({ httpPort, certificate: live }, Number(new URL(app.url).port))
  afterwards(() => nginx.stop())
  const shown = () => fingerprintAt(Number(new URL(nginx.https).port), authority.root, 'chat.example.com')
  return { nginx, shown }
}

it(
  'the first certificate comes before nginx runs; nginx then takes every renewal',
  async () => {
    const { nginx, shown } = await anNginx()
    const first = await shown()
    expect(first).toBe(fingerprintOf(live.certificate))

    const environment = {
      WEBROOT: join(nginx.folder, 'webroot'),
      NGINX_COMMAND: nginx.command.join(' '),
      TLS_FOLDER: join(folder.path, 'none'),
    }
    await authority.certbot(script('webroot.sh'), whose, environment)
    await expect.poll(shown).not.toBe(first)
    const second = await shown()

    const { NGINX_COMMAND, TLS_FOLDER } = environment
    await authority.certbot('certbot', ['renew', '--force-renewal', '--no-random-sleep-on-renew'], { NGINX_COMMAND, TLS_FOLDER })
    await expect.poll(shown).not.toBe(second)
    expect(await shown()).toBe(fingerprintOf(live.certificate))
  },
  timeoutMs,
)

it(
  'the server itself is given every renewal, in a folder that its group may read',
  async () => {
    const tls = tlsFolder('tls')
    const [certificate, key] = [join(tls, 'fullchain.pem'), join(tls, 'privkey.pem')]
    await obtain({ TLS_FOLDER: tls })
    expect([certificate, key].map((file) => (statSync(file).mode & 0o777).toString(8))).toEqual(['640', '640'])

    const webroot = tlsFolder('webroot')
    const variables = { TLS_CERT_FILE: certificate, TLS_KEY_FILE: key, HTTP_REDIRECT_PORT: String(httpPort), ACME_WEBROOT: webroot }
    const app = await anApp(variables)
    const shown = () => fingerprintAt(Number(new URL(app.url).port), authority.root, 'chat.example.com')
    const first = await shown()
    expect(first).toBe(fingerprintOf(certificate))
    await authority.certbot(script('webroot.sh'), whose, { WEBROOT: webroot, NGINX_COMMAND: 'none', TLS_FOLDER: tls })
    await expect.poll(shown).not.toBe(first)
    expect(await shown()).toBe(fingerprintOf(certificate))
  },
  timeoutMs,
)

it(
  'an nginx that is not this machine’s own takes a renewal by the command that is named, and certbot hears where that fails',
  async () => {
    const { nginx, shown } = await anNginx()
    const first = await shown()
    const environment = { NGINX_COMMAND: 'none', TLS_FOLDER: join(folder.path, 'none') }
    const reload = `test "$RENEWED_DOMAINS" = chat.example.com && ${nginx.command.join(' ')} -s reload`
    await authority.certbot(script('webroot.sh'), whose, {
      ...environment,
      WEBROOT: join(nginx.folder, 'webroot'),
      NGINX_RELOAD_COMMAND: reload,
    })
    await expect.poll(shown).not.toBe(first)
    expect(await shown()).toBe(fingerprintOf(live.certificate))
    const failing = { ...process.env, ...environment, NGINX_RELOAD_COMMAND: 'exit 3', RENEWED_LINEAGE: join(live.certificate, '..') }
    await expect(run(script('renewed.sh'), [], { deadlineSeconds: 20, environment: failing })).rejects.toThrow()
  },
  timeoutMs,
)

it('nginx is left as it is where its configuration has a fault, and certbot hears of it', async () => {
  await obtain({ TLS_FOLDER: join(folder.path, 'none') })
  const app = await anApp()
  const nginx = await startNginxWith({ certificate: live }, Number(new URL(app.url).port))
  afterwards(() => nginx.stop())
  writeFileSync(join(nginx.folder, 'nginx/conf.d/rates.conf'), 'limit_req_zone nonsense;')
  const environment = {
    ...process.env,
    NGINX_COMMAND: nginx.command.join(' '),
    TLS_FOLDER: '/nowhere',
    RENEWED_LINEAGE: join(live.certificate, '..'),
  }
  await expect(run(script('renewed.sh'), [], { deadlineSeconds: 20, environment })).rejects.toThrow(
    /nginx was not reloaded[^]*limit_req_zone/,
  )
  expect(await fingerprintAt(Number(new URL(nginx.https).port), authority.root, 'chat.example.com')).toBe(fingerprintOf(live.certificate))
}, 60_000)
