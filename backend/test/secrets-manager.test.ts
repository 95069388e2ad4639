import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'
import { describe, expect, inject, it, onTestFinished } from 'vitest'
import { freePort } from '../../dev/services/free-port.js'
import { withManagedSettings } from '../src/settings/managed.js'
import { aFile } from './support/configuration.js'
import { startHttpReceiver } from './support/http-receiver.js'
import { anApp } from './support/listening.js'
import { signedBy } from './support/signature.js'

const [keyId, secretKey] = ['AKIDEXAMPLE', 'key-of-the-operator']
const id = 'heliograph/test'
const secret = randomBytes(48).toString('base64')

type Answer = (response: ServerResponse, count: number) => void
const json =
  (status: number, body: object): Answer =>
  (response) =>
    void response.writeHead(status, { 'Content-Type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body))
const holds = (held: unknown): Answer =>
  json(200, {
    ARN: 'arn:aws:secretsmanager:eu-central-1:1:secret:x',
    Name: id,
    SecretString: typeof held === 'string' ? held : JSON.stringify(held),
  })
const refuses = (type: string): Answer => json(400, { __type: type, Message: `told of ${secret}` })

const aManager = async (answer: Answer) => {
  const receiver = await startHttpReceiver((response, _request, count) => answer(response, count))
  onTestFinished(() => receiver.close())
  return receiver
}
const environmentOf = (url: string): Record<string, string> => ({
  SECRETS_MANAGER_ID: id,
  AWS_REGION: 'eu-central-1',
  AWS_ENDPOINT_URL_SECRETS_MANAGER: url,
  AWS_ACCESS_KEY_ID: keyId,
  AWS_SECRET_ACCESS_KEY_FILE: aFile(`${secretKey}\n`),
})
const quickly = { firstPauseMs: 5, attemptDeadlineMs: 10_000 }
const managed = async (answer: Answer, more: Record<string, string> = {}, timing = {}) => {
  const { url, requests } = await aManager(answer)
  const result = await withManagedSettings({ ...environmentOf(url), ...more }, { ...quickly, ...timing })
  expect('faults' in result ? result.faults.join('\n') : '').not.toContain(secret.slice(0, 8))
  return { requests, ...('faults' in result ? { ...result, environment: {}, warnings: [] } : { faults: [], ...result }) }
}

describe('a secret in AWS Secrets Manager', () => {
  it('is asked for by a signed request, and adds its settings to the environment', async () => {
    const { environment, warnings, requests } = await managed(holds({ JWT_SECRET: secret, PORT: 4000, API_DOCS: false }))
    expect(environment).toMatchObject({ JWT_SECRET: secret, PORT: '4000', API_DOCS: 'false', AWS_REGION: 'eu-central-1' })
    expect(warnings).toEqual([])
    const [request, ...more] = requests
    expect(more).toEqual([])
    expect(request?.headers['x-amz-target']).toBe('secretsmanager.GetSecretValue')
    expect(JSON.parse(request?.body ?? '')).toEqual({ SecretId: id })
    expect(request && signedBy(request, secretKey)).toEqual({ keyId, region: 'eu-central-1', service: 'secretsmanager' })
    expect(request && signedBy(request, 'another key')).toBeUndefined()
  })

  it('yields to what the environment sets, by itself or by a file, and says so without the values', async () => {
    const file = aFile(secret)
    const own = { LOG_LEVEL: 'warn', AUTH_PEPPER_FILE: file, APP_NAME: '' }
    const { environment, warnings } = await managed(holds({ LOG_LEVEL: 'debug', AUTH_PEPPER: `other-${secret}`, APP_NAME: 'Ours' }), own)
    expect(environment).toMatchObject({ LOG_LEVEL: 'warn', AUTH_PEPPER_FILE: file, APP_NAME: 'Ours' })
    expect(environment).not.toHaveProperty('AUTH_PEPPER')
    expect(warnings).toEqual(
      ['LOG_LEVEL', 'AUTH_PEPPER'].map((name) => `${name} is set by the environment, which wins over SECRETS_MANAGER_ID: ${id}`),
    )
  })

  it.each([
    ['no JSON', `JWT_SECRET=${secret}`, ['is no JSON object by the names of settings']],
    ['a list', [secret], ['is no JSON object by the names of settings']],
    ['a text', JSON.stringify(secret), ['is no JSON object by the names of settings']],
    ['nothing', '', ['is no JSON object by the names of settings']],
    [
      'names that are no settings',
      { [secret]: 'JWT_SECRET', nobody: secret },
      ['holds 2 names that are no settings; .env.example has them all'],
    ],
    ['a name in small letters', { jwt_secret: secret }, ['holds jwt_secret, which is written JWT_SECRET']],
    ['its own name', { SECRETS_MANAGER_ID: secret }, ['holds SECRETS_MANAGER_ID, which the environment alone can set']],
    ['the name of a file', { JWT_SECRET_FILE: '/x' }, ['holds a name that is no setting; .env.example has them all']],
    [
      'values that are no texts',
      { JWT_SECRET: { value: secret }, SMTP_PASS: null },
      ['holds JWT_SECRET, and its value is no text', 'holds SMTP_PASS, and its value is no text'],
    ],
  ])('that holds %s is a fault', async (_what, held, faults) => {
    expect((await managed(holds(held))).faults).toEqual(faults.map((fault) => `SECRETS_MANAGER_ID: ${id}: ${fault}`))
  })

  it('that holds bytes is a fault', async () => {
    const bytes = json(200, { Name: id, SecretBinary: Buffer.from(secret).toString('base64') })
    expect((await managed(bytes)).faults).toEqual([expect.stringMatching(`^SECRETS_MANAGER_ID: ${id}: holds bytes`)])
  })

  it.each([
    ['AccessDeniedException', /access is denied: .*secretsmanager:GetSecretValue/],
    ['ResourceNotFoundException', /there is no such secret/],
    ['DecryptionFailure', /KMS/],
    ['InvalidRequestException', /marked for deletion/],
    ['UnrecognizedClientException', /the credentials are refused/],
    ['InvalidSignatureException', /the credentials are refused/],
    ['ExpiredTokenException', /the credentials are refused/],
    ['ValidationException', /answered 400/],
  ])('refused by %s is asked for once, and is a fault', async (type, reason) => {
    const { faults, requests } = await managed(refuses(type))
    expect(faults).toEqual([expect.stringMatching(reason)])
    expect(requests).toHaveLength(1)
  })

  it.each([
    ['an error of the server', json(500, { __type: 'InternalServiceError', Message: secret }), /answered 500/],
    ['a throttled request', refuses('ThrottlingException'), /answered 400/],
  ])('is asked for three times at most where the answer is %s', async (_what, fails, reason) => {
    const third = await managed((response, count) => (count < 3 ? fails : holds({ JWT_SECRET: secret }))(response, count))
    expect(third.environment).toMatchObject({ JWT_SECRET: secret })
    const never = await managed(fails)
    expect(never.faults).toEqual([expect.stringMatching(reason)])
    expect(never.requests).toHaveLength(3)
  })

  it('is given up where nobody answers, three times, each by its deadline', async () => {
    const { faults, requests } = await managed(() => undefined, {}, { attemptDeadlineMs: 200 })
    expect(faults).toEqual([`SECRETS_MANAGER_ID: ${id}: Secrets Manager does not answer in time`])
    expect(requests).toHaveLength(3)
  })

  it('is a fault where the answer is garbage, or ends in the middle', async () => {
    const garbage = await managed((response) => void response.writeHead(200).end(`<html>${secret}`))
    expect(garbage.faults).toEqual([`SECRETS_MANAGER_ID: ${id}: the answer is not one of Secrets Manager`])
    const cut = await managed((response) => {
      response.writeHead(200, { 'Content-Length': '500' }).write(`{"SecretString":"${secret}`)
      setImmediate(() => response.destroy())
    })
    expect(cut.faults).toEqual([expect.stringMatching(`^SECRETS_MANAGER_ID: ${id}: `)])
  })

  it('is a fault where nobody listens', async () => {
    const result = await withManagedSettings(environmentOf(`http://127.0.0.1:${await freePort()}`), quickly)
    expect(result).toEqual({ faults: [`SECRETS_MANAGER_ID: ${id}: Secrets Manager cannot be reached`] })
  })

  it('needs a region, or an ARN that has one', async () => {
    const { url, requests } = await aManager(holds({}))
    const { AWS_REGION: _region, ...environment } = environmentOf(url)
    expect(await withManagedSettings(environment, quickly)).toEqual({
      faults: ['AWS_REGION: is required with SECRETS_MANAGER_ID, unless that is an ARN'],
    })
    const arn = 'arn:aws:secretsmanager:ap-south-1:123456789012:secret:heliograph-AbCdEf'
    await withManagedSettings({ ...environment, SECRETS_MANAGER_ID: arn }, quickly)
    expect(requests.map((request) => signedBy(request, secretKey)?.region)).toEqual(['ap-south-1'])
  })

  it('says what is wrong with the file of the key that it would be asked for by', async () => {
    const result = await withManagedSettings(
      { ...environmentOf('http://127.0.0.1:1'), AWS_SECRET_ACCESS_KEY_FILE: '/nowhere/key' },
      quickly,
    )
    expect(result).toEqual({ faults: ['AWS_SECRET_ACCESS_KEY_FILE: /nowhere/key: there is no such file'] })
  })
})

/** Runs a program of the build to its end, or until it has said what it should. */
const running = (program: string, words: string[], environment: Record<string, string>, until = /$^/) =>
  new Promise<{ code: number | string | null; said: string }>((resolve) => {
    const path = fileURLToPath(new URL(`../dist/${program}`, import.meta.url))
    const env = { PATH: process.env['PATH'], AWS_EC2_METADATA_DISABLED: 'true', ...environment }
    const child = execFile(process.execPath, [path, ...words], { env, timeout: 60_000, killSignal: 'SIGKILL' }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : (error.code ?? error.signal ?? null), said: `${stdout}${stderr}` }),
    )
    let said = ''
    child.stdout?.on('data', (chunk: string) => {
      said += chunk
      if (until.test(said)) child.kill('SIGTERM')
    })
  })

describe('with SECRETS_MANAGER_ID', { timeout: 90_000 }, () => {
  const programs: readonly { program: string; words: string[]; until?: RegExp }[] = [
    { program: 'index.js', words: [], until: /MongoDB: reached/ },
    { program: 'migrate.js', words: [] },
    { program: 'admin.js', words: ['audit', '--limit', '1'] },
  ]

  it.each(programs)('$program runs with what the secret holds', async ({ program, words, until }) => {
    const app = await anApp()
    const { url, requests } = await aManager(
      holds({ MONGO_URI: app.context.config.mongo.uri, REDIS_URL: inject('redisUrl'), JWT_SECRET: secret }),
    )
    const environment = { ...environmentOf(url), AWS_SECRET_ACCESS_KEY: secretKey, AWS_SECRET_ACCESS_KEY_FILE: '', PORT: '0' }
    const { code, said } = await running(program, words, environment, until)
    expect([code, said]).toEqual([0, expect.not.stringContaining(secret)])
    expect(requests.map((request) => signedBy(request, secretKey)?.keyId)).toEqual([keyId])
  })

  it.each(['index.js', 'migrate.js', 'admin.js'])('%s ends where the secret cannot be read, and opens nothing', async (program) => {
    const { url } = await aManager(refuses('AccessDeniedException'))
    const { code, said } = await running(program, program === 'admin.js' ? ['audit'] : [], environmentOf(url))
    expect(code).toBe(1)
    expect(said).toContain(`The configuration has a fault:\n  SECRETS_MANAGER_ID: ${id}: access is denied`)
    expect(said).not.toContain(secret.slice(0, 8))
  })
})

describe('Amazon’s client', () => {
  const loaded = async (environment: Record<string, string>): Promise<string> => {
    const config = fileURLToPath(new URL('../dist/config.js', import.meta.url))
    const program = `
      import { createRequire } from 'node:module'
      const { loadConfig } = await import(${JSON.stringify(config)})
      await loadConfig().catch(() => undefined)
      const { cache } = createRequire(${JSON.stringify(config)})
      console.log(Object.keys(cache).some((path) => path.includes('client-secrets-manager')))`
    return new Promise((resolve, reject) => {
      execFile(process.execPath, ['--input-type=module', '-e', program], { env: environment, timeout: 30_000 }, (error, stdout) =>
        error ? reject(error) : resolve(stdout.trim()),
      )
    })
  }

  it('is loaded where there is a secret to read, and not otherwise', async () => {
    const { url } = await aManager(holds({}))
    expect(await loaded({ JWT_SECRET: secret })).toBe('false')
    expect(await loaded({ JWT_SECRET: secret, ...environmentOf(url) })).toBe('true')
  })
})
