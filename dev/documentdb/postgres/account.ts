import { statSync } from 'node:fs'
import { dirname } from 'node:path'

/** Postgres refuses to run as root; it then runs as this numeric user and group, which no account has. */
export const postgresUserId = 64_912
// initdb alone wants a user with a name: Debian's nobody.
export const initdbUserId = 65_534

export const runsAsRoot = (): boolean => process.geteuid?.() === 0

const openToOthers = (folder: string): boolean => {
  if ((statSync(folder).mode & 0o001) === 0) return false
  return folder === '/' || openToOthers(dirname(folder))
}

/**
 * The arguments of setpriv(1) under which one of Postgres' programs runs: not as root, and never longer than this process.
 * @param userId who it is instead of root
 * @param folders what it works in; where its account cannot reach one (below /root, say) it gets the capability to pass
 */
export const accountArguments = (userId: number, ...folders: string[]): string[] => {
  const endsWithParent = ['--pdeathsig', 'INT']
  if (!runsAsRoot()) return endsWithParent
  const account = [...endsWithParent, `--reuid=${userId}`, `--regid=${userId}`, '--clear-groups']
  const reachable = folders.every((folder) => openToOthers(dirname(folder)))
  return reachable ? account : [...account, '--inh-caps=+dac_override', '--ambient-caps=+dac_override']
}

/** Postgres' programs see nothing of the caller's environment. */
export const postgresEnvironment: NodeJS.ProcessEnv = { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8', TZ: 'UTC' }
