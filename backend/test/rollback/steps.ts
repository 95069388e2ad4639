import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectFolder } from '../../../dev/services/project.js'
import { run } from '../../../dev/services/run.js'

/** The commands below a heading of deploy/rollback.md. @throws Error where there are none */
export const stepsBelow = (heading: string): string => {
  const page = readFileSync(join(projectFolder, 'deploy/rollback.md'), 'utf8')
  const section = page.split(/^#+ /m).find((text) => text.startsWith(`${heading}\n`))
  const lines = section?.split('\n').filter((line) => line.startsWith('    ')) ?? []
  if (lines.length === 0) throw new Error(`deploy/rollback.md has no commands below ${heading}`)
  return lines.map((line) => line.slice(4)).join('\n')
}

interface Machine {
  /** Stands for /opt. */
  readonly folder: string
  /** The ports of the workers. */
  readonly ports: readonly number[]
  /** Programs of this machine, by name: shell scripts that stand for what is not to be done here. */
  readonly programs: Readonly<Record<string, string>>
  readonly environment: Readonly<Record<string, string | undefined>>
}

const deadlineSeconds = 300

/** Does the steps as they are written, from one version to the other; nothing is changed in them but folders, ports and versions. */
export const takeSteps = async (steps: string, machine: Machine, from: string, to: string): Promise<string> => {
  const { folder, ports, programs, environment } = machine
  const filled = steps
    .replace(/bad=\S+ good=\S+/, `bad=${from} good=${to}`)
    .replaceAll('/opt/', `${folder}/`)
    .replaceAll('3000 3001', ports.join(' '))
  const bin = join(folder, 'bin')
  mkdirSync(bin, { recursive: true })
  for (const [name, script] of Object.entries({ sudo: 'exec "$@"', ...programs })) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`)
    chmodSync(join(bin, name), 0o755)
  }
  const PATH = `${bin}:${environment['PATH'] ?? ''}`
  return (await run('sh', ['-euc', filled], { deadlineSeconds, environment: { ...environment, PATH }, folder })).output
}
