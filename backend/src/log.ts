import { type Config, ConfigError } from './config.js'
import { LogFile } from './platform/log-file.js'
import { createLogger, type Logger } from './platform/logger.js'
import { messageOf } from './platform/message-of.js'

/**
 * The server's log, in LOG_FILE or on the standard output. SIGUSR2 has the file opened anew, which logrotate has renamed;
 * what nobody catches is told as the process ends by it.
 * @throws ConfigError where LOG_FILE cannot be opened
 */
export const openLog = ({ logLevel, logFile }: Config['server']): Logger => {
  const file = logFile === undefined ? undefined : openFile(logFile)
  process.on('SIGUSR2', () => file?.reopen()) // without a file, too: the signal would end the process
  const logger = createLogger(logLevel, file)
  process.on('unhandledRejection', (reason) => {
    throw reason // as without a listener; PM2 adds one that goes on
  })
  process.on('uncaughtExceptionMonitor', (error) => logger.fatal({ err: error }, 'nobody caught this'))
  return logger
}

const openFile = (path: string): LogFile => {
  try {
    return new LogFile(path)
  } catch (error) {
    throw new ConfigError([`LOG_FILE: cannot be opened: ${messageOf(error)}`])
  }
}
