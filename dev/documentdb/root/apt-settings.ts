import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { debianArchitecture, debianKeyring } from '../machine.js'
import { runProgram } from '../program.js'

const suite = 'forky'
const publicMirror = 'http://deb.debian.org/debian/'

// How this machine reaches archives: proxies, certificates, freshness checks, retries. Not how much it trusts them, nor what it indexes.
const carriedOver = /^Acquire::(?!IndexTargets|CompressionTypes|Changelogs|Languages|GzipIndexes|cdrom|Allow)[^ ]+ "/

const machineSettings = async (): Promise<string[]> =>
  (await runProgram('apt-config', ['dump'])).split('\n').filter((line) => carriedOver.test(line))

/** Where Debian's packages can be fetched from: this machine's own mirrors first. */
export const debianMirrors = async (): Promise<string[]> => {
  const targets = await runProgram('apt-get', ['indextargets', '--format', '$(REPO_URI)', 'Identifier: Packages'])
  const own = targets.split('\n').filter((uri) => /\/debian\/?$/.test(uri))
  return [...new Set([...own, publicMirror])]
}

const settings = (folder: string, carried: readonly string[]): string => {
  const architecture = debianArchitecture()
  return [
    ...carried,
    `Dir "${folder}";`,
    `Dir::Etc "${folder}/etc";`,
    'Dir::Etc::main "none";',
    'Dir::Etc::parts "none.d";',
    `Dir::Etc::sourcelist "${folder}/etc/sources.list";`,
    'Dir::Etc::sourceparts "none.d";',
    'Dir::Etc::trusted "none";',
    'Dir::Etc::trustedparts "none.d";',
    'Dir::Etc::netrc "/etc/apt/auth.conf";',
    'Dir::Etc::netrcparts "/etc/apt/auth.conf.d";',
    `Dir::State "${folder}/state";`,
    `Dir::State::status "${folder}/status";`,
    `Dir::Cache "${folder}/cache";`,
    `APT::Architecture "${architecture}";`,
    `APT::Architectures { "${architecture}"; };`,
    'APT::Install-Recommends "false";',
    'APT::Install-Suggests "false";',
    'APT::Get::AllowUnauthenticated "false";',
    'APT::Sandbox::User "root";',
    'Acquire::AllowInsecureRepositories "false";',
    'Acquire::AllowWeakRepositories "false";',
    'Acquire::AllowDowngradeToInsecureRepositories "false";',
    'Acquire::Languages "none";',
    'Acquire::GzipIndexes "true";',
    '',
  ].join('\n')
}

/**
 * Makes an apt of its own in `folder`, which needs no rights and touches nothing of the machine's, for one mirror of Debian.
 * Signatures are checked against the machine's own Debian keys.
 * @returns the environment that makes apt-get and apt-cache use it
 */
export const makePrivateApt = async (folder: string, mirror: string): Promise<NodeJS.ProcessEnv> => {
  for (const name of ['etc/none.d', 'etc/preferences.d', 'state/lists/partial', 'cache/archives/partial']) {
    mkdirSync(join(folder, name), { recursive: true })
  }
  const file = join(folder, 'etc/apt.conf')
  writeFileSync(file, settings(folder, await machineSettings()))
  writeFileSync(join(folder, 'etc/sources.list'), `deb [signed-by=${debianKeyring()}] ${mirror} ${suite} main\n`)
  writeFileSync(join(folder, 'status'), '')
  return { ...process.env, APT_CONFIG: file, LC_ALL: 'C.UTF-8' }
}
