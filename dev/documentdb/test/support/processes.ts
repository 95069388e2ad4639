import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

const processIds = (): number[] => readdirSync('/proc').map(Number).filter(Number.isInteger)

// State and parent follow the name, which may itself hold brackets and spaces.
const stateAndParent = (pid: number): string[] =>
  read(`/proc/${pid}/stat`)
    .replace(/^.*\) /s, '')
    .split(' ')

/** Whether a process runs; one that has ended and only waits to be counted does not. */
export const isRunning = (pid: number): boolean => !['', 'Z', 'X'].includes(stateAndParent(pid)[0] ?? '')

export const childrenOf = (pid: number): number[] => processIds().filter((each) => stateAndParent(each)[1] === String(pid))

export const postmasterOf = (dataFolder: string): number => Number(read(join(dataFolder, 'postgres/postmaster.pid')).split('\n')[0])

/** The engine's server, Postgres and Postgres' own processes that work in this folder. */
export const engineProcesses = (dataFolder: string): number[] => {
  const named = processIds().filter((pid) => pid !== process.pid && read(`/proc/${pid}/cmdline`).includes(dataFolder))
  return [...new Set([...named, ...childrenOf(postmasterOf(dataFolder))])]
}
