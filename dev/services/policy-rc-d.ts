import { chmodSync, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'

/** Debian asks this program whether a package's daemon may be started: 101 is no. https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt */
const policyFile = '/usr/sbin/policy-rc.d'
const savedFile = `${policyFile}.before-heliograph`

const restore = () => {
  if (existsSync(savedFile)) renameSync(savedFile, policyFile)
  else rmSync(policyFile, { force: true })
}

/** Does the work while packages may start no daemon, and puts the machine's own policy back. */
export const withoutStartingDaemons = async <T>(work: () => Promise<T>): Promise<T> => {
  // a saved one that is still here is the machine's own: an earlier run was killed before it could put it back
  if (existsSync(policyFile) && !existsSync(savedFile)) renameSync(policyFile, savedFile)
  writeFileSync(policyFile, '#!/bin/sh\nexit 101\n')
  chmodSync(policyFile, 0o755)
  process.once('exit', restore) // Ctrl-C while packages are installed
  try {
    return await work()
  } finally {
    process.off('exit', restore)
    restore()
  }
}
