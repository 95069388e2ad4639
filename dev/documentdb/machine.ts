import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'

export type MachineSupport = { supported: true } | { supported: false; reason: string }

const keyrings = ['/usr/share/keyrings/debian-archive-keyring.gpg', '/usr/share/keyrings/debian-archive-keyring.pgp']
const architectures = ['amd64', 'arm64']
const programs = ['apt-get', 'apt-cache', 'apt-config', 'dpkg', 'dpkg-deb', 'setpriv', 'tar', 'cp']

/** The keys that sign Debian's archive, as this machine's own packages brought them; `undefined` where there are none. */
export const debianKeyring = (): string | undefined => keyrings.find((file) => existsSync(file))

/** Debian's name of this machine's architecture, e.g. amd64. */
export const debianArchitecture = (): string => execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim()

const onPath = (program: string): boolean =>
  (process.env.PATH ?? '').split(':').some((folder) => folder !== '' && existsSync(`${folder}/${program}`))

/** Whether the engine can be fetched and run here: Debian or a child of it, on amd64 or arm64. Looks at this machine only. */
export const supportsThisMachine = (): MachineSupport => {
  if (process.platform !== 'linux') return { supported: false, reason: `it needs Debian Linux, this is ${process.platform}` }
  const missing = programs.filter((program) => !onPath(program))
  if (missing.length > 0) return { supported: false, reason: `it needs Debian's ${missing.join(', ')}` }
  const architecture = debianArchitecture()
  if (!architectures.includes(architecture)) {
    return { supported: false, reason: `it is packaged for ${architectures.join(' and ')}, this is ${architecture}` }
  }
  if (!debianKeyring()) return { supported: false, reason: "it needs Debian's signing keys: apt-get install debian-archive-keyring" }
  return { supported: true }
}
