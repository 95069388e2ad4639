import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { findOnPath } from '../../dev/services/executables.js'
import { freePort } from '../../dev/services/free-port.js'
import { projectFolder } from '../../dev/services/project.js'
import { temporaryFolder } from '../../dev/services/temporary-folder.js'
import { readConfig } from '../src/config.js'
import type { Variable } from '../src/settings/variable.js'
import { variables } from '../src/settings/variables.js'
import { ended } from './support/ended.js'
import { anApp } from './support/listening.js'

const here = join(projectFolder, 'deploy/vault')
const installed = '/opt/heliograph'
const text = (name: string): string => readFileSync(join(here, name), 'utf8')
const agent = text('agent.hcl')
const unit = text('heliograph-vault-agent.service')
const folder = temporaryFolder()
afterAll(() => folder.remove())

/** The blocks `template { … }`, and what a name in them is set to. */
const templates = agent.split(/^template \{$/m).slice(1)
const setIn = (block: string, name: string): string => new RegExp(`^ *${name} += "?([^"\n]*)"?$`, 'm').exec(block)?.[1] ?? ''
const destinations = templates.map((block) => setIn(block, 'destination'))
/** Of secrets.env: the file of each variable. */
const files = [...text('secrets.env').matchAll(/^([A-Z_]+)_FILE=(.+)$/gm)].map(([, name = '', path = '']) => ({ name, path }))

describe('what Vault’s agent writes', () => {
  it('is where secrets.env has the server look, each the secret of a setting', () => {
    expect(files.length).toBeGreaterThan(4)
    expect(files.map(({ path }) => path)).toEqual(destinations)
    const secrets = Object.entries<Variable>(variables).filter(([, { secret }]) => secret)
    expect(secrets.map(([name]) => name)).toEqual(expect.arrayContaining(files.map(({ name }) => name)))
    for (const { name, path } of files) expect(basename(path)).toBe(name.toLowerCase())
  })

  it('comes of the templates that are there, one for each, of the key that has its name', () => {
    const sources = templates.map((block) => setIn(block, 'source'))
    expect(sources).toEqual(destinations.map((path) => `${installed}/deploy/vault/templates/${basename(path)}.ctmpl`))
    expect(readdirSync(join(here, 'templates')).toSorted()).toEqual(sources.map((path) => basename(path)).toSorted())
    for (const source of sources) {
      const [key] = basename(source).split('.')
      expect(text(`templates/${basename(source)}`)).toBe(`{{ with secret "secret/data/heliograph" }}{{ .Data.data.${key} }}{{ end }}\n`)
      expect(agent).toContain(` ${key}=`) // in the command that puts it there
    }
  })

  it('is for the server’s group alone, lacks nothing, and has the workers replaced', () => {
    for (const block of templates) {
      expect(setIn(block, 'perms')).toBe('0640')
      expect(setIn(block, 'error_on_missing_key')).toBe('true')
      const [, program = ''] = /command = \["([^"]+)"\]/.exec(block) ?? []
      expect(existsSync(program.replace(installed, projectFolder))).toBe(true)
    }
    expect(agent.split('{')).toHaveLength(agent.split('}').length)
  })

  it('is what the server reads', () => {
    const values: Record<string, string> = {
      jwt_secret: 'Zq0v'.repeat(12),
      auth_pepper: 'Wt7h'.repeat(12),
      mongo_uri: 'mongodb://db/chat',
      redis_password: 'passphrase',
    }
    const written = mkdtempSync(join(folder.path, 'written-'))
    for (const { name, path } of files) {
      const key = name.toLowerCase()
      const rendered = text(`templates/${key}.ctmpl`).replace(/\{\{ with .*\}\}\{\{ end \}\}/, values[key] ?? '')
      writeFileSync(join(written, basename(path)), rendered)
    }
    const environment = Object.fromEntries(files.map(({ name, path }) => [`${name}_FILE`, path.replace(dirname(path), written)]))
    const config = readConfig({ ...environment, REDIS_URL: 'redis://127.0.0.1' })
    expect(config.tokens.key.export().toString()).toBe(values['jwt_secret'])
    expect(config.pepper?.export().toString()).toBe(values['auth_pepper'])
    expect([config.mongo.uri, config.redis?.password]).toEqual([values['mongo_uri'], values['redis_password']])
    expect([config.tokens.previousKeys, config.previousPeppers]).toEqual([[], []])
  })
})

describe('heliograph-vault-agent.service', () => {
  it('makes the folder that the agent writes to, for the group of the workers, and keeps it', () => {
    const of = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1] ?? ''
    expect(new Set(destinations.map((path) => dirname(path)))).toEqual(new Set([`/run/${of('RuntimeDirectory')}`]))
    expect([of('RuntimeDirectoryMode'), of('RuntimeDirectoryPreserve')]).toEqual(['0750', 'yes'])
    const worker = readFileSync(join(projectFolder, 'deploy/systemd/heliograph@.service'), 'utf8')
    expect(worker).toContain(`\nGroup=${of('Group')}\n`)
    expect(existsSync(of('ExecStart').split('=').at(-1)?.replace(installed, projectFolder) ?? '')).toBe(true)
  })

  it.runIf(findOnPath('systemd-analyze', process.env))('is one that systemd knows every setting of', async () => {
    const name = 'heliograph-vault-agent.service'
    writeFileSync(
      join(folder.path, name),
      unit.replace('/usr/bin/vault', '/bin/true').replaceAll(installed, projectFolder.replace(/\/$/, '')),
    )
    const { stdout, stderr } = await ended('systemd-analyze', ['verify', join(folder.path, name)])
    expect(`${stdout}${stderr}`.split('\n').filter((line) => line.includes(name))).toEqual([])
  })
})

describe('wait.sh', () => {
  it('ends with 0 once every secret has been written, and names the one that was not', async () => {
    const written = mkdtempSync(join(folder.path, 'waited-'))
    const wait = () => ended(join(here, 'wait.sh'), [written], { HELIOGRAPH_WRITTEN_SECONDS: '0' })
    for (const path of destinations.slice(0, -1)) writeFileSync(join(written, basename(path)), '')
    const last = join(written, basename(destinations.at(-1) ?? ''))
    expect(await wait()).toMatchObject({ code: 1, stderr: expect.stringContaining(`${last} was not written`) })
    writeFileSync(last, '')
    expect(await wait()).toMatchObject({ code: 0, stderr: '' })
    expect(unit).toContain(`\nExecStartPost=${installed}/deploy/vault/wait.sh\n`)
  })
})

describe('rotated.sh', () => {
  /** Programs in place of the machine's, which write down how they are called. */
  const rotated = async (scripts: Record<string, string>, environment: Record<string, string>) => {
    const programs = mkdtempSync(join(folder.path, 'programs-'))
    const calls = join(programs, 'calls')
    writeFileSync(calls, '')
    for (const [name, script] of Object.entries(scripts)) {
      writeFileSync(join(programs, name), `#!/bin/sh\necho "${name} $*" >> ${calls}\n${script}\n`)
      chmodSync(join(programs, name), 0o755)
    }
    const { code, stderr } = await ended(join(here, 'rotated.sh'), [], {
      PATH: `${programs}:${process.env['PATH']}`,
      HELIOGRAPH_LOCK_FILE: join(programs, 'lock'),
      ...environment,
    })
    return { code, stderr, calls: readFileSync(calls, 'utf8').trim().split('\n') }
  }
  const portOf = ({ url }: { url: string }): string => new URL(url).port

  it('restarts systemd’s workers one after the other, each once the one before is well, and not those that do not run', async () => {
    const [first, second] = [portOf(await anApp()), portOf(await anApp())]
    const scripts = { systemctl: '[ "$*" != "is-active --quiet heliograph@1" ]' }
    const { code, calls } = await rotated(scripts, { HELIOGRAPH_PORTS: `${first} 1 ${second}` })
    expect(code).toBe(0)
    expect(calls).toEqual([
      `systemctl is-active --quiet heliograph@${first}`,
      `systemctl restart heliograph@${first}`,
      'systemctl is-active --quiet heliograph@1',
      `systemctl is-active --quiet heliograph@${second}`,
      `systemctl restart heliograph@${second}`,
    ])
  })

  it('stops at a worker that does not become well: the others keep what they have', async () => {
    const dead = await freePort()
    const { code, stderr, calls } = await rotated({ systemctl: '' }, { HELIOGRAPH_PORTS: `${dead} 3001`, HELIOGRAPH_READY_SECONDS: '0' })
    expect([code, stderr]).toEqual([1, `heliograph@${dead} is not well with the new secrets: the other workers keep theirs\n`])
    expect(calls.at(-1)).toBe(`systemctl restart heliograph@${dead}`)
  })

  it('has PM2 reload its workers where it has some', async () => {
    const running = await rotated({ npx: '[ "$2" != pid ] || echo 17' }, { HELIOGRAPH_PORTS: '' })
    expect(running).toMatchObject({ code: 0, calls: ['npx pm2 pid chat-api', 'npx pm2 reload chat-api'] })
    const none = await rotated({ npx: '' }, { HELIOGRAPH_PORTS: '' })
    expect(none).toMatchObject({ code: 0, calls: ['npx pm2 pid chat-api'] })
    expect(readFileSync(join(projectFolder, 'ecosystem.config.js'), 'utf8')).toContain("name: 'chat-api'")
  })
})
