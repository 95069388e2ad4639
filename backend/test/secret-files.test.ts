import { execFile, execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../dev/services/temporary-folder.js'
import type { Variable } from '../src/settings/variable.js'
import { variables } from '../src/settings/variables.js'
import { aFile, faultsOf, read } from './support/configuration.js'

const secret = 'Xq81Zq0vWt7hKf63Lz54Xq81Zq0vWt7hKf63Lz54'
const folder = temporaryFolder()
afterAll(() => folder.remove())
const at = (name: string): string => join(folder.path, name)

/** What nobody may read, or another user: root may read everything, so the configuration is read as who may not. */
const faultsAsAnother = async (environment: Record<string, string>): Promise<string> => {
  const config = fileURLToPath(new URL('../dist/config.js', import.meta.url))
  const program = `
    const { readConfig } = await import(${JSON.stringify(config)})
    if (process.getuid() === 0) { process.setgroups([]); process.setgid(65534); process.setuid(65534) }
    try { readConfig(); console.log('taken') } catch (error) { console.log(error.message) }`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
    env: environment,
    timeout: 30_000,
  })
  return stdout
}

const faultyFiles: Record<string, { readonly make: (path: string) => void; readonly fault: string }> = {
  'a missing file': { make: () => undefined, fault: 'there is no such file' },
  'a link to a missing file': { make: (path) => symlinkSync('/nowhere/secret', path), fault: 'there is no such file' },
  'an empty file': { make: (path) => writeFileSync(path, ''), fault: 'is empty' },
  'a file of white space': { make: (path) => writeFileSync(path, ' \n\n'), fault: 'is empty' },
  'a directory': { make: (path) => mkdirSync(path), fault: 'is a directory' },
  'a pipe that nobody writes to': { make: (path) => execFileSync('mkfifo', [path]), fault: 'is no regular file' },
  'a large file': { make: (path) => writeFileSync(path, secret.repeat(2000)), fault: 'is larger than 64 KB' },
  'a file of bytes': {
    make: (path) => writeFileSync(path, Buffer.from(`${secret}\u00ff`, 'latin1')),
    fault: 'holds bytes that are no text (UTF-8)',
  },
}

describe('a secret’s file', () => {
  it.each(Object.entries(faultyFiles))(
    '%s is a fault that names the variable and the file, and nothing of what is in it',
    (what, { make, fault }) => {
      const path = at(what.replaceAll(' ', '-'))
      make(path)
      for (const name of ['JWT_SECRET', 'AUTH_PEPPER', 'SMTP_PASS', 'MONGO_URI'])
        expect(
          faultsOf({ NODE_ENV: 'production', MONGO_URI: name === 'MONGO_URI' ? '' : 'mongodb://db/chat', [`${name}_FILE`]: path }),
        ).toEqual([`${name}_FILE: ${path}: ${fault}`])
    },
  )

  it('that this user may not read is a fault, and so is one in a folder that they may not enter', async () => {
    const [file, closed] = [at('of-another'), at('closed')]
    writeFileSync(file, secret)
    mkdirSync(closed)
    writeFileSync(join(closed, 'secret'), secret)
    chmodSync(file, 0o000)
    chmodSync(closed, 0o000)
    const said = await faultsAsAnother({ JWT_SECRET_FILE: file, AUTH_PEPPER_FILE: join(closed, 'secret') })
    expect(said).toContain(`JWT_SECRET_FILE: ${file}: this user may not read it`)
    expect(said).toContain(`AUTH_PEPPER_FILE: ${join(closed, 'secret')}: this user may not read it`)
    expect(said).not.toContain(secret.slice(0, 4))
    chmodSync(file, 0o644)
    expect(await faultsAsAnother({ JWT_SECRET_FILE: file })).toBe('taken\n')
  })

  it.each(['\n', '\r\n', ' \n\n'])('may end with %j, which is no part of the secret', (end) => {
    const [held, given] = [read({ JWT_SECRET_FILE: aFile(secret + end) }), read({ JWT_SECRET: secret })]
    expect(held.tokens.key.equals(given.tokens.key)).toBe(true)
  })

  it('may be empty where it is a list: then there are none', () => {
    const { tokens, previousPeppers } = read({ JWT_PREVIOUS_SECRETS_FILE: aFile('\n'), AUTH_PREVIOUS_PEPPERS_FILE: aFile('') })
    expect([tokens.previousKeys, previousPeppers]).toEqual([[], []])
  })

  it('is not shown where the secret itself stands in its place', () => {
    const faults = faultsOf({ JWT_SECRET_FILE: secret })
    expect(faults).toEqual(['JWT_SECRET_FILE: what it names: there is no such file'])
  })

  it.each(Object.entries<Variable>(variables).filter(([, { secret: isSecret }]) => isSecret))(
    'of %s is read, and the variable beside it refused',
    (name) => {
      expect(faultsOf({ [`${name}_FILE`]: at('nowhere') })).toEqual([`${name}_FILE: ${at('nowhere')}: there is no such file`])
      const twice = faultsOf({ [name]: secret, [`${name}_FILE`]: aFile(secret) })
      expect(twice).toEqual([`${name}: is set twice, by ${name} and by ${name}_FILE`])
    },
  )
})
