import type { Redis } from 'ioredis'
import { isAnswer } from './redis-check.js'

/** What of an error may be logged: ioredis adds the command that failed, and AUTH's has the password. */
export const reasonOf = (error: unknown) =>
  error instanceof Error ? { reason: error.message, code: 'code' in error ? error.code : undefined } : { reason: String(error) }

/** A refusal counts as an answer. */
const answersPing = (client: Redis): Promise<boolean> =>
  client.ping().then(
    () => true,
    (error: unknown) => isAnswer(error),
  )

/** Asked twice before it counts as silent: the first deadline may have passed while this process was busy. */
export const isSilent = async (client: Redis): Promise<boolean> => !(await answersPing(client)) && !(await answersPing(client))
