import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectFolder } from '../../../dev/services/project.js'

/** Where the configuration of nginx is, as it is installed. */
export const nginxFolder = join(projectFolder, 'nginx')

export interface NginxPlace {
  /** Everything of it is below this folder. */
  readonly folder: string
  readonly ports: { readonly http: number; readonly https: number }
  /** The ports of the workers. */
  readonly upstreams: readonly number[]
  readonly certificate: { readonly certificate: string; readonly key: string }
}

type Change = readonly [from: string | RegExp, to: string]

const change = (folder: string, file: string, changes: readonly Change[]): void => {
  const path = join(folder, file)
  const text = changes.reduce(
    (before, [from, to]) => {
      const after = before.replaceAll(from, to)
      if (after === before) throw new Error(`nginx/${file} has no ${String(from)}`)
      return after
    },
    readFileSync(path, 'utf8'),
  )
  writeFileSync(path, text)
}

/**
 * Copies the project's configuration, with nothing changed but where its files, ports and workers are, and how soon a sign-in comes back.
 * @returns the path of nginx.conf
 */
export const copyNginxFiles = ({ folder, ports, upstreams, certificate }: NginxPlace): string => {
  const copy = join(folder, 'nginx')
  for (const path of ['logs', 'webroot']) mkdirSync(join(folder, path))
  cpSync(nginxFolder, copy, { recursive: true })
  change(copy, 'nginx.conf', [
    ['/run/nginx.pid', `${folder}/nginx.pid`],
    ['/var/log/nginx/', `${folder}/logs/`],
  ])
  change(copy, 'conf.d/logs.conf', [['/var/log/nginx/', `${folder}/logs/`]])
  change(copy, 'conf.d/heliograph.conf', [
    [/^ *listen \[::\].*\n/gm, ''],
    ['listen 80 ', `listen 127.0.0.1:${ports.http} `],
    ['listen 443 ', `listen 127.0.0.1:${ports.https} `],
  ])
  change(copy, 'snippets/certificate.conf', [
    ['/etc/letsencrypt/live/heliograph/fullchain.pem', certificate.certificate],
    ['/etc/letsencrypt/live/heliograph/privkey.pem', certificate.key],
  ])
  change(copy, 'snippets/challenge.conf', [['/var/www/certbot', `${folder}/webroot`]])
  change(copy, 'conf.d/upstream.conf', [
    [/^ {2}server 127\.0\.0\.1:3000 (.*)$/gm, upstreams.map((port) => `  server 127.0.0.1:${port} $1`).join('\n')],
  ])
  change(copy, 'conf.d/rates.conf', [['rate=1r/s', 'rate=1r/m']]) // what comes back while a test runs decides nothing
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};\n`)
  writeFileSync(join(copy, 'conf.d/temporary.conf'), temporary.join(''))
  return join(copy, 'nginx.conf')
}
