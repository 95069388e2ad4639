import { type ChildProcess, type Serializable, spawn } from 'node:child_process'
import { once } from 'node:events'
import { z } from 'zod'
import { within } from '../../dev/services/deadline.js'
import type { Closing } from '../../dev/start/closing.js'

const Message = z.union([z.object({ error: z.string() }), z.object({ answer: z.unknown() })])
const readySeconds = 20
const stopSeconds = 5

interface ChildOptions {
  /** Compiled JavaScript that calls `answerQuestions`. */
  readonly script: string
  /** The one core it may run on; any where it is left out. */
  readonly core?: number
  readonly environment?: Readonly<Record<string, string>>
  /** Ends the child. */
  readonly closing: Closing
}

/** A process that is measured. */
export interface Child<First> {
  /** What it said when it was ready. */
  readonly first: First
  /** @throws Error with what the child threw, or when the answer does not come in time */
  ask<T>(schema: z.ZodType<T>, question: Serializable, deadlineSeconds: number): Promise<T>
}

/** Starts a Node process that answers questions. @throws Error where it does not come up */
export const startChild = async <First>(first: z.ZodType<First>, options: ChildOptions): Promise<Child<First>> => {
  const { script, core, environment = {}, closing } = options
  const node = [process.execPath, script]
  const [command = '', ...words] = core === undefined ? node : ['taskset', '--cpu-list', String(core), ...node]
  const child = spawn(command, words, {
    env: { PATH: process.env['PATH'], NODE_ENV: 'production', ...environment },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  closing.add(() => stop(child))
  const ready = answerOf(first, child)
  return {
    first: await within(readySeconds, `starting ${script}`, ready),
    async ask(schema, question, deadlineSeconds) {
      const answer = answerOf(schema, child)
      child.send(question)
      return within(deadlineSeconds, `an answer of ${script}`, answer)
    },
  }
}

const answerOf = <T>(schema: z.ZodType<T>, child: ChildProcess): Promise<T> =>
  new Promise((resolve, reject) => {
    const settle = (message: unknown) => {
      release()
      const said = Message.safeParse(message).data
      const answer = said && 'answer' in said ? schema.safeParse(said.answer) : undefined
      if (answer?.success) resolve(answer.data)
      else reject(new Error(said && 'error' in said ? said.error : `No answer is: ${JSON.stringify(message)}`))
    }
    const fail = (reason: unknown) => {
      release()
      reject(reason instanceof Error ? reason : new Error(`A measured process ended (${String(reason)})`))
    }
    const release = () => child.off('message', settle).off('exit', fail).off('error', fail)
    child.on('message', settle).on('exit', fail).on('error', fail)
  })

const stop = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  if (child.connected) child.disconnect() // it ends by itself
  try {
    await within(stopSeconds, 'stopping', exited)
  } catch {
    child.kill('SIGKILL')
    await exited
  }
}
