import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { becomesTrue } from './deadline.js'
import { runsScript } from './processes.js'

interface Claim {
  readonly pid: number
  readonly script: string
}

const holderOf = (file: string): number | undefined => {
  try {
    const [pid, script] = readFileSync(file, 'utf8').split(' ')
    if (pid === undefined || script === undefined) return undefined
    return runsScript(Number(pid), script) ? Number(pid) : undefined
  } catch {
    return undefined
  }
}

/**
 * Waits until nobody that lives holds the claim: two servers on one folder would ruin it.
 * @throws Error that names the holder, after the deadline
 */
export const untilUnclaimed = async (file: string, deadlineSeconds: number): Promise<void> => {
  if (await becomesTrue(deadlineSeconds, () => holderOf(file) === undefined, 100)) return
  throw new Error(`${dirname(file)} is in use by process ${holderOf(file)}: stop that one first`)
}

/** Writes down who uses a folder. A claim of a process that is dead counts for nothing. */
export const claim = (file: string, { pid, script }: Claim): void => {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${pid} ${script}`)
}

export const releaseClaim = (file: string): void => rmSync(file, { force: true })
