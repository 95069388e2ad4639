import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectFolder } from '../../../dev/services/project.js'
import { testProgram } from '../../../dev/services/test-programs.js'
import { ended } from './ended.js'

const installed = readFileSync(join(projectFolder, 'deploy/logrotate/heliograph'), 'utf8')
const owner = 'root'

interface Places {
  /** Of the logs. */
  readonly logs: string
  /** PM2_HOME. */
  readonly pm2Home?: string
  /** Where a machine that systemd runs has something. */
  readonly systemd?: string
  /** Goes before PATH. */
  readonly programs?: string
}

/** The project's configuration with these places in it. @param folder for it, and for what logrotate remembers */
export const aLogrotate = (folder: string, { logs, pm2Home = '/nowhere', systemd = '/nowhere', programs }: Places) => {
  const path = join(folder, 'logrotate.conf')
  const here = installed
    .replaceAll('/var/log/heliograph', logs)
    .replaceAll('/var/lib/heliograph/.pm2', pm2Home)
    .replaceAll('/opt/heliograph', join(projectFolder, '.'))
    .replaceAll('/run/systemd/system', systemd)
    .replaceAll('-u heliograph', `-u ${owner}`)
    .replaceAll('su heliograph heliograph', `su ${owner} ${owner}`)
  writeFileSync(path, here, { mode: 0o644 })
  const environment = { PATH: `${programs === undefined ? '' : `${programs}:`}${process.env['PATH'] ?? ''}` }
  const run = (...words: string[]) =>
    ended(testProgram('logrotate'), ['--state', join(folder, 'logrotate.state'), ...words, path], environment)
  return {
    /** Reads it, and does nothing. */
    check: () => run('--debug'),
    /** Rotates now. */
    force: () => run('--force', '--verbose'),
  }
}
