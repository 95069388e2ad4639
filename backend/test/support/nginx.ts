import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../../dev/services/free-port.js'
import { startServer } from '../../../dev/services/start-server.js'
import { temporaryFolder } from '../../../dev/services/temporary-folder.js'
import { testProgram } from '../../../dev/services/test-programs.js'
import { aCertificate, anAuthority } from './redis-server-certificates.js'

/** An nginx before the product: HTTP/1.1 in the clear, HTTP/2 over TLS. */
export interface Nginx {
  readonly http: string
  readonly https: string
  /** The PEM file of the authority that vouches for it. */
  readonly authority: string
  stop(): Promise<void>
}

/** What a deployment has, and no more: JSON compressed, answers buffered unless they ask not to be. */
const configuration = (folder: string, ports: { http: number; https: number; upstream: number }): string => `
daemon off;
master_process off;
pid ${folder}/pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ')}
  gzip on;
  gzip_proxied any;
  gzip_types application/json application/problem+json;
  server {
    listen 127.0.0.1:${ports.http};
    listen 127.0.0.1:${ports.https} ssl http2;
    ssl_certificate ${folder}/server.pem;
    ssl_certificate_key ${folder}/server.key;
    location / {
      proxy_pass http://127.0.0.1:${ports.upstream};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
    }
  }
}
`

/** Starts an nginx that ends with this process at the latest. @throws where this machine has none, with what to type */
export const startNginx = async (upstream: number): Promise<Nginx> => {
  const command = testProgram('nginx-light')
  const folder = temporaryFolder()
  const ports = { http: await freePort(), https: await freePort(), upstream }
  const authority = await anAuthority(folder.path, 'authority')
  await aCertificate(folder.path, authority, 'IP:127.0.0.1')
  const file = join(folder.path, 'nginx.conf')
  writeFileSync(file, configuration(folder.path, ports))
  const http = `http://127.0.0.1:${ports.http}`
  const server = await startServer({
    command,
    arguments: ['-e', 'stderr', '-p', folder.path, '-c', file],
    logFile: join(folder.path, 'log'),
    readyDeadlineSeconds: 10,
    stopDeadlineSeconds: 5,
    probe: () => fetch(`${http}/health/live`, { signal: AbortSignal.timeout(1000) }),
  })
  return {
    http,
    https: `https://127.0.0.1:${ports.https}`,
    authority: authority.certificate,
    async stop() {
      await server.stop()
      folder.remove()
    },
  }
}
