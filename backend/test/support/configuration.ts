import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type Config, ConfigError, readConfig } from '../../src/config.js'

const secret = randomBytes(48).toString('base64')

/** The configuration from these variables, and a good JWT_SECRET where they set none. */
export const read = (environment: Readonly<Record<string, string>> = {}, place = { clustered: false }): Config =>
  readConfig({ ...(environment.JWT_SECRET_FILE ? {} : { JWT_SECRET: secret }), ...environment }, place)

/** What is wrong with these variables; empty where nothing is. */
export const faultsOf = (environment: Readonly<Record<string, string>>, place = { clustered: false }): readonly string[] => {
  try {
    read(environment, place)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
}

/** A file, removed when the test has finished. @returns its path */
export const aFile = (content: string): string => {
  const folder = mkdtempSync(join(tmpdir(), 'heliograph-config-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'secret')
  writeFileSync(path, content)
  return path
}
