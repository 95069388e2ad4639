import { type DestinationStream, type Logger, pino, stdSerializers } from 'pino'

import { currentRequestId } from './request-scope.js'

export type { Logger }

const secrets = [
  'authorization',
  'cookie',
  'password',
  'newPassword',
  'currentPassword',
  'token',
  'accessToken',
  'refreshToken',
  'csrfToken',
  'apiKey',
  'text',
  'verifier',
]

/** ioredis puts the command that failed into its errors, with all its arguments: a password, a message's text. */
const withoutCommand = (error: Error): object => ({ ...stdSerializers.err(error), command: undefined })

/** Of each line that is written while a request is followed. */
const ofRequest = (): { requestId?: string } => {
  const requestId = currentRequestId()
  return requestId === undefined ? {} : { requestId }
}

/** The one logger: JSON lines, and nothing secret even where somebody logs too much. */
export const createLogger = (level: string, destination?: DestinationStream): Logger =>
  pino(
    {
      level,
      base: { pid: process.pid },
      mixin: ofRequest,
      serializers: { err: withoutCommand },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: secrets.flatMap((name) => [name, `*.${name}`, `*.headers.${name}`]), censor: '[hidden]' },
    },
    destination ?? standardOutput(),
  )

/** Holds so much, in bytes, while its reader or its disk takes nothing, and no more. */
const mostHeldBytes = 1024 * 1024

const standardOutput = (): DestinationStream => {
  const output = pino.destination({ fd: 1, sync: true, maxLength: mostHeldBytes })
  output.on('error', () => undefined) // a full disk ends no server: what it did not take is tried again with the next line
  return output
}
