import { type ChildProcess, spawn } from 'node:child_process'
import { onTestFinished } from 'vitest'
import { becomesTrue, within } from '../../services/deadline.js'
import { projectFolder } from '../../services/project.js'

export interface Program {
  readonly process: ChildProcess
  /** All that it has printed. */
  output(): string
  /** @throws with all output where the text is not printed in time */
  prints(text: string | RegExp, deadlineSeconds: number): Promise<void>
  /** @returns the exit code, null after a signal */
  ends(deadlineSeconds: number): Promise<number | null>
}

/** Runs a TypeScript file as a process of its own; killed at the end of the test if it still runs. */
export const runProgram = (
  file: string,
  words: readonly string[],
  environment: Record<string, string | undefined> = process.env,
): Program => {
  const child = spawn(process.execPath, ['--import', 'tsx', file, ...words], {
    cwd: projectFolder,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  const matches = (text: string | RegExp) => (typeof text === 'string' ? output.includes(text) : text.test(output))
  return {
    process: child,
    output: () => output,
    async prints(text, deadlineSeconds) {
      const printed = await becomesTrue(deadlineSeconds, () => matches(text) || child.exitCode !== null)
      if (!printed || !matches(text)) throw new Error(`It did not print ${text}, but:\n${output}`)
    },
    ends: (deadlineSeconds) => within(deadlineSeconds, 'the end of the program', exited),
  }
}
