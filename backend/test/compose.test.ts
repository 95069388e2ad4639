import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { DCLinter } from 'dclint'
import { afterAll, describe, expect, it } from 'vitest'
import { freePort } from '../../dev/services/free-port.js'
import { projectFolder } from '../../dev/services/project.js'
import { temporaryFolder } from '../../dev/services/temporary-folder.js'
import { testProgram } from '../../dev/services/test-programs.js'
import { readConfig } from '../src/config.js'
import { variables } from '../src/settings/variables.js'
import { composeFile, filledIn, type Service } from './support/compose.js'
import { copyNginxFiles } from './support/nginx-files.js'

const names = ['docker-compose.yml', 'docker-compose.prod.yml', 'docker-compose.monitoring.yml', 'docker-compose.dev.yml']
const base = composeFile('docker-compose.yml')
const monitoring = composeFile('docker-compose.monitoring.yml')
/** As they run beside each other. */
const services = { ...base.services, ...monitoring.services }
const volumes = { ...base.volumes, ...monitoring.volumes }
const secrets = { ...base.secrets, ...monitoring.secrets }
const networks = { ...base.networks, ...monitoring.networks }
/** Where alerts are posted is the operator's to know. */
const prepared = Object.keys(secrets).filter((name) => name !== 'alert_webhook_url')
const folder = temporaryFolder()
afterAll(() => folder.remove())

/** The order and the quotes of a file are its writer's; an image that is built may have a name; BIND_ADDRESS names the interface. */
const off = [
  'service-keys-order',
  'services-alphabetical-order',
  'service-dependencies-alphabetical-order',
  'service-ports-alphabetical-order',
  'top-level-properties-order',
  'require-quotes-in-ports',
  'no-quotes-in-volumes',
  'no-build-and-image',
  'no-unbound-port-interfaces',
]
const linter = new DCLinter({ rules: Object.fromEntries(off.map((rule) => [rule, 0])), quiet: false, debug: false, exclude: [] })
interface Finding {
  readonly messages: readonly { readonly line: number; readonly rule: string; readonly message: string }[]
}
const faultsOf = (path: string): string[] =>
  linter
    .lintFiles([path], false)
    .flatMap(({ messages }: Finding) => messages.map(({ line, rule, message }) => `${line}: ${rule}: ${message}`))

/** Makes secrets in a folder, as an operator does. */
const prepare = (into: string) => promisify(execFile)(join(projectFolder, 'deploy/docker/prepare.sh'), [into])

describe.each(names)('%s', (name) => {
  it('is what the Compose Specification says, and dclint finds nothing', () => {
    expect(faultsOf(join(projectFolder, name))).toEqual([])
  })

  it('publishes no port to all the world by itself', () => {
    const published = Object.values(composeFile(name).services).flatMap(({ ports }) => ports.map(filledIn))
    for (const port of published) expect(port).toMatch(/^127\.0\.0\.1:/)
  })
})

describe('the check of a compose file', () => {
  it.each([
    ['a misspelt key', 'stop_grace_period: 30s', 'stop_grace_periode: 30s'],
    ['a wrong value', 'stop_grace_period: 30s', 'stop_grace_period: [30]'],
    ['an image of any version', 'image: redis:7.4-alpine', 'image: redis'],
    ['a wrong kind of list', 'networks: [front]', 'networks: 7'],
  ])('finds %s', (_name, before, after) => {
    const text = readFileSync(join(projectFolder, 'docker-compose.yml'), 'utf8')
    const changed = join(folder.path, 'docker-compose.yml')
    writeFileSync(changed, text.replace(before, after))
    expect(text).toContain(before)
    expect(faultsOf(changed)).not.toEqual([])
  })
})

describe.each(Object.entries(services))('the service %s', (name, service) => {
  it('is confined, comes back by itself unless it is run by hand, and is bounded in what it takes and logs', () => {
    expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] })
    expect(service.privileged).toBeUndefined()
    expect(service.restart).toMatch(service.profiles.length > 0 ? /^no$/ : /^(unless-stopped|always|on-failure:\d+)$/)
    expect(service.logging).toMatchObject({ driver: 'json-file', options: { 'max-size': '10m', 'max-file': '5' } })
    expect(service.deploy?.resources?.limits).toBeDefined()
  })

  it('has a health that can be asked for, by its image or here; what ends does not', () => {
    const asked = name === 'api' || service.healthcheck?.test !== undefined
    expect(asked).toBe(service.healthcheck?.disable !== true)
  })

  it('waits for what it needs, which is healthy or has ended well', () => {
    for (const [needed, { condition }] of Object.entries(service.depends_on)) {
      expect(Object.keys(services)).toContain(needed)
      const ends = services[needed]?.healthcheck?.disable === true
      expect(condition).toBe(ends ? 'service_completed_successfully' : 'service_healthy')
    }
  })

  it('mounts what is there, and changes nothing of it', () => {
    const mounts = service.volumes.filter(({ source }) => source.startsWith('./') && !source.startsWith('./secrets/'))
    for (const { source, mode } of mounts) expect([existsSync(join(projectFolder, source)), mode]).toEqual([true, 'ro'])
    for (const { source } of service.volumes.filter(({ source }) => /^\w/.test(source))) expect(Object.keys(volumes)).toContain(source)
  })

  it('is told no secret but by a file', () => {
    const declared = Object.entries(variables).flatMap(([variable, it]) => ('secret' in it ? [variable] : []))
    const told = declared.filter((variable) => service.environment[variable] !== undefined)
    expect(told.filter((variable) => /:[^/]*@/.test(service.environment[variable] ?? '') || variable !== 'REDIS_URL')).toEqual([])
    const files = Object.values(service.environment).filter((value) => value.startsWith('/run/secrets/'))
    for (const file of files) expect(service.secrets).toContain(file.slice('/run/secrets/'.length))
    for (const secret of service.secrets) expect(Object.keys(secrets)).toContain(secret)
    for (const network of service.networks) expect(Object.keys(networks)).toContain(network)
  })
})

describe('prepare.sh', () => {
  const made = join(folder.path, 'secrets')
  const contents = (): Record<string, string> => Object.fromEntries(prepared.map((name) => [name, readFileSync(join(made, name), 'utf8')]))
  /** What a service is told, its secrets those of the folder. */
  const settingsOf = ({ environment }: Service): Record<string, string> =>
    Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, filledIn(value).replace('/run/secrets', made)]))

  it('makes every secret that is declared, in a folder that its owner alone may enter', async () => {
    await prepare(made)
    expect(statSync(made).mode & 0o777).toBe(0o700)
    for (const [name, text] of Object.entries(contents())) expect([name, text.trim().length >= 48]).toEqual([name, true])
    expect(new Set(Object.values(contents())).size).toBe(prepared.length)
    for (const { file } of Object.values(secrets)) expect(file).toMatch(/^\.\/secrets\/\w+$/)
    expect(readdirSync(join(made, 'letsencrypt/live/heliograph')).toSorted()).toEqual(['fullchain.pem', 'privkey.pem'])
  })

  it('makes what the server starts with', () => {
    const { api } = base.services
    if (api === undefined) throw new Error('no service api')
    const config = readConfig(settingsOf(api), { clustered: true })
    expect(config.environment).toBe('production')
    expect(config.redis).toMatchObject({ at: { host: 'redis', port: 6379 }, password: contents()['redis_password']?.trim() })
    expect(config.mongo.uri).toContain(`:${contents()['mongo_password']?.trim()}@mongodb:27017/heliograph?replicaSet=rs0`)
    expect(config.server).toMatchObject({ host: '0.0.0.0', port: 3000, trustProxy: ['uniquelocal'], publicUrl: 'https://localhost' })
  })

  it('changes nothing when it is run again, and makes what is missing', async () => {
    const before = contents()
    await prepare(made)
    expect(contents()).toEqual(before)
    rmSync(join(made, 'jwt_secret'))
    await prepare(made)
    const { jwt_secret: another, ...rest } = contents()
    const { jwt_secret: former, ...others } = before
    expect(rest).toEqual(others)
    expect(another).not.toBe(former)
  })
})

it('nginx takes its configuration as it is mounted, with the certificate that prepare.sh made', async () => {
  const place = join(folder.path, 'nginx-place')
  const live = join(folder.path, 'nginx-secrets/letsencrypt/live/heliograph')
  await prepare(join(folder.path, 'nginx-secrets'))
  mkdirSync(place)
  const ports = { http: await freePort(), https: await freePort() }
  const certificate = { certificate: join(live, 'fullchain.pem'), key: join(live, 'privkey.pem') }
  const file = copyNginxFiles({ folder: place, ports, upstreams: [3001], certificate })
  const mounted = (base.services['nginx']?.volumes ?? []).map(({ source, target }) => [source, target])
  expect(mounted).toContainEqual(['./deploy/docker/nginx/upstream.conf', '/etc/nginx/conf.d/upstream.conf'])
  const upstream = readFileSync(join(projectFolder, 'deploy/docker/nginx/upstream.conf'), 'utf8')
  expect(upstream).toContain('server api:3000 ') // a name that only the containers know
  writeFileSync(join(dirname(file), 'conf.d/upstream.conf'), upstream.replace('api:3000', '127.0.0.1:3000'))
  const { stderr } = await promisify(execFile)(testProgram('nginx-light'), ['-t', '-c', file])
  expect(stderr).toContain('test is successful')
})

describe('a backup', () => {
  const { api, backup, mongodb } = base.services
  if (!api || !backup || !mongodb) throw new Error('a service is missing')
  const page = readFileSync(join(projectFolder, 'backend/docs/restore.md'), 'utf8')
  const made = join(folder.path, 'backup-secrets')
  const uriOf = (service: Service): string =>
    readFileSync(service.environment['MONGO_URI_FILE']?.replace('/run/secrets', made) ?? '', 'utf8').trim()

  it('is made in a container of its own, into a volume, and not by whoever starts the rest', () => {
    expect([backup.profiles, backup.entrypoint?.at(-1), backup.command]).toEqual([['backup'], 'backend/dist/admin.js', ['backup']])
    expect(backup.volumes).toContainEqual({ source: 'backups', target: backup.environment['BACKUP_DIR'], mode: undefined })
    for (const volume of api.volumes) expect(backup.volumes).toContainEqual(volume)
    const words = [...page.matchAll(/compose run --rm --no-deps backup(?<words>(?: [a-z]+)?)/g)].map(({ groups }) =>
      groups?.['words']?.trim(),
    )
    expect(new Set(words)).toEqual(new Set(['', 'verify', 'restore']))
  })

  it('has a user who may make other databases, whom the server does not know', async () => {
    await prepare(made)
    expect(uriOf(backup)).toMatch(/^mongodb:\/\/heliograph_restore:\w+@mongodb:27017\/heliograph\?.*authSource=admin$/)
    expect(backup.secrets.filter((name) => !api.secrets.includes(name))).toEqual(['mongo_restore_uri'])
    expect(mongodb.secrets).toContain('mongo_restore_password')
  })

  it('is switched to by the commands of the page, for the server and for the next backup', async () => {
    const [, script] = /mongosh --quiet (\S+)/.exec(page) ?? []
    expect(mongodb.volumes.map(({ target }) => target)).toContain(script)
    const [, switching = ''] = /^ {4}(sed -i .*)$/m.exec(page) ?? []
    const typed = switching.replaceAll('<new>', 'heliograph-20260131t030000z').replaceAll(' secrets/', ` ${made}/`)
    await promisify(execFile)('sh', ['-c', typed])
    for (const service of [api, backup])
      expect(uriOf(service)).toContain('@mongodb:27017/heliograph-20260131t030000z?replicaSet=rs0&authSource=')
  })
})

describe('in production', () => {
  const production = composeFile('docker-compose.prod.yml')

  it('only services that are there are changed', () => {
    for (const name of Object.keys(production.services)) expect(Object.keys(base.services)).toContain(name)
  })

  it('the image and the address have to be named, and the image is fetched', () => {
    for (const name of ['api', 'migrate', 'backup'])
      expect(production.services[name]).toMatchObject({
        image: expect.stringMatching(/^\$\{HELIOGRAPH_IMAGE:\?/),
        pull_policy: 'always',
        environment: { API_URL: expect.stringMatching(/^\$\{API_URL:\?/) },
      })
  })

  it('certbot’s hook reloads nginx in its container, without the variables that only a deployment has', () => {
    const text = readFileSync(join(projectFolder, 'docker-compose.prod.yml'), 'utf8')
    const { file, service } =
      /NGINX_RELOAD_COMMAND=docker compose -f \S+\/(?<file>\S+) exec -T (?<service>\w+) nginx -s reload"$/m.exec(text)?.groups ?? {}
    expect(readFileSync(join(projectFolder, file ?? ''), 'utf8')).not.toMatch(/\$\{\w+:?\?/)
    expect(Object.keys(base.services)).toContain(service)
  })

  it('workers see each renewed certificate that certbot names, and no other’s key', () => {
    const { volumes = [], environment } = production.services['api'] ?? {}
    const live = '/etc/letsencrypt/live/heliograph'
    expect(environment?.['METRICS_CERT_FILE']).toBe(`${live}/fullchain.pem`)
    const mounts = [live, '/etc/letsencrypt/archive/heliograph'].map((path) => ({ source: path, target: path, mode: 'ro' })) // a link leads from one to the other
    expect(volumes).toEqual(mounts)
    for (const name of ['standalone.sh', 'webroot.sh'])
      expect(readFileSync(join(projectFolder, 'deploy/certbot', name), 'utf8')).toContain('--cert-name heliograph ')
  })
})
