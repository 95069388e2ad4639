import { join } from 'node:path'
import { freePort } from '../../../dev/services/free-port.js'
import { run } from '../../../dev/services/run.js'
import { startServer } from '../../../dev/services/start-server.js'
import { temporaryFolder } from '../../../dev/services/temporary-folder.js'
import { testProgram } from '../../../dev/services/test-programs.js'
import { copyNginxFiles } from './nginx-files.js'
import { type Authority, aCertificate, anAuthority } from './redis-server-certificates.js'

/** The project's nginx before the product: TLS, with HTTP/1.1 and HTTP/2. */
export interface Nginx {
  readonly http: string
  readonly https: string
  /** Where its `nginx` (the configuration), `logs` and `webroot` are. */
  readonly folder: string
  /** The command that started it, without what keeps it in the foreground. */
  readonly command: readonly string[]
  /** The PEM file of the authority that vouches for it. */
  readonly authority: string
  /** Puts another certificate into the place of the present one. */
  renew(): Promise<unknown>
  /** Tests the configuration as it is now. @returns what nginx says, every file that it read among it. @throws Error with its faults */
  test(): Promise<string>
  /** Another configuration, or another certificate, from now on; as an operator does it. */
  reload(): Promise<void>
  stop(): Promise<void>
}

interface Given {
  /** Where it listens in place of 80. */
  readonly httpPort?: number
  /** In place of one that is made for it. */
  readonly certificate?: Authority
}

/**
 * Starts nginx with the project's configuration before workers; it ends with this process at the latest.
 * @param upstreams the workers' ports
 * @throws where this machine has none, with what to type
 */
export const startNginx = (...upstreams: readonly number[]): Promise<Nginx> => startNginxWith({}, ...upstreams)

/** See `startNginx`. */
export const startNginxWith = async (given: Given, ...upstreams: readonly number[]): Promise<Nginx> => {
  const command = testProgram('nginx-light')
  const temporary = temporaryFolder()
  const folder = temporary.path
  const ports = { http: given.httpPort ?? (await freePort()), https: await freePort() }
  const authority = await anAuthority(folder, 'authority')
  const renew = () => aCertificate(folder, authority, 'IP:127.0.0.1,DNS:localhost')
  const certificate = given.certificate ?? (await renew())
  const words = ['-e', 'stderr', '-p', folder, '-c', copyNginxFiles({ folder, ports, upstreams, certificate })]
  const http = `http://127.0.0.1:${ports.http}`
  const server = await startServer({
    command,
    arguments: [...words, '-g', 'daemon off;'],
    logFile: join(folder, 'log'),
    readyDeadlineSeconds: 10,
    stopDeadlineSeconds: 5,
    probe: () => fetch(http, { redirect: 'manual', signal: AbortSignal.timeout(1000) }),
  })
  return {
    http,
    https: `https://127.0.0.1:${ports.https}`,
    folder,
    command: [command, ...words],
    authority: authority.certificate,
    renew,
    test: async () => (await run(command, [...words, '-T'], { deadlineSeconds: 10 })).output,
    reload: async () => void (await run(command, [...words, '-s', 'reload'], { deadlineSeconds: 10 })),
    async stop() {
      await server.stop()
      temporary.remove()
    },
  }
}
