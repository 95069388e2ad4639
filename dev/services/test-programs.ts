import { installPackages, whyNoPackages } from './debian.js'
import { findOnPath } from './executables.js'
import type { Setting } from './service.js'

/** Programs that tests run beside MongoDB and Redis, by Debian's package, and the names that they go by. */
const programs = {
  age: ['age'],
  certbot: ['certbot'],
  'clamav-daemon': ['clamd'],
  chromium: ['chromium', 'chromium-browser', 'google-chrome'],
  gpg: ['gpg'],
  logrotate: ['logrotate'],
  'nginx-light': ['nginx'],
  nftables: ['nft'],
  pebble: ['pebble'],
  prometheus: ['promtool'],
  tini: ['tini'],
} as const
type Package = keyof typeof programs

const installDeadlineSeconds = 600

/** Debian keeps servers where only root's PATH looks. */
const withServers = (environment: Setting['environment']) => ({ ...environment, PATH: `${environment['PATH'] ?? ''}:/usr/sbin` })

const find = (name: Package, environment: Setting['environment']): string | undefined =>
  programs[name].map((program) => findOnPath(program, withServers(environment))).find((path) => path !== undefined)

/** Has what is missing installed, on Debian and by root; elsewhere the tests that need it say what to type. */
export const installTestPrograms = async (setting: Pick<Setting, 'environment' | 'progress'>): Promise<void> => {
  if (whyNoPackages(setting) !== undefined) return
  for (const name of Object.keys(programs) as Package[]) {
    if (find(name, setting.environment) !== undefined) continue
    await installPackages([name], setting, { deadlineSeconds: installDeadlineSeconds }).catch((error: unknown) =>
      setting.progress(`${name}: not installed: ${error instanceof Error ? error.message : String(error)}`),
    )
  }
}

/** The path of a program that a test runs. @throws Error with what to type where this machine lacks it */
export const testProgram = (name: Package): string => {
  const path = find(name, process.env)
  if (path === undefined) throw new Error(`${name} is needed; type: sudo apt-get install -y ${name} (or put ${programs[name][0]} on PATH)`)
  return path
}
