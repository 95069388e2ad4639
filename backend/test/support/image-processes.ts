import { readdirSync, readFileSync } from 'node:fs'

const readable = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // it has just ended
  }
}

/** The processes that make images for this one, by id. */
export const imageProcesses = (): number[] =>
  readdirSync('/proc/self/task')
    .flatMap((thread) => readable(`/proc/self/task/${thread}/children`).trim().split(' ').filter(Boolean).map(Number))
    .filter((pid) => readable(`/proc/${pid}/cmdline`).includes('image-process'))

export const environmentOf = (pid: number): string => readable(`/proc/${pid}/environ`)

/** The most memory that a process ever held, in megabytes. */
export const peakMegabytes = (pid: number): number => Number(/VmHWM:\s+(\d+)/.exec(readable(`/proc/${pid}/status`))?.[1]) / 1024
