import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../../dev/services/free-port.js'
import { run } from '../../../dev/services/run.js'
import { startServer } from '../../../dev/services/start-server.js'
import { supervise } from '../../../dev/services/supervise.js'
import { testProgram } from '../../../dev/services/test-programs.js'
import { aCertificate, anAuthority } from './redis-server-certificates.js'

const certbotDeadlineSeconds = 60

/** An authority that certbot gets certificates from: Pebble, Let's Encrypt's own for tests, to which every name is this machine. */
export interface CertificateAuthority {
  /** Where its certificates lead to: the root, as a PEM file. */
  readonly root: string
  /** Runs a script or command of certbot's, with all that certbot keeps in a folder of the test's. @returns what it printed */
  certbot(command: string, words: readonly string[], environment?: Readonly<Record<string, string>>): Promise<string>
  stop(): Promise<void>
}

/**
 * @param folder where everything is kept; `certbot/live/heliograph` will have the certificate
 * @param httpPort where challenges are asked for, in place of 80
 */
export const startCertificateAuthority = async (folder: string, httpPort: number): Promise<CertificateAuthority> => {
  const pebble = testProgram('pebble')
  const certbot = testProgram('certbot')
  const authority = await anAuthority(folder, 'acme')
  const { certificate, key: privateKey } = await aCertificate(folder, authority, 'IP:127.0.0.1')
  const [port, managementPort, dnsPort, dnsManagementPort] = await Promise.all([freePort(), freePort(), freePort(), freePort()])
  const [url, management] = [port, managementPort].map((each) => `https://127.0.0.1:${each}`)
  const config = join(folder, 'pebble.json')
  const listening = { listenAddress: `127.0.0.1:${port}`, managementListenAddress: `127.0.0.1:${managementPort}` }
  writeFileSync(config, JSON.stringify({ pebble: { ...listening, certificate, privateKey, httpPort, tlsPort: httpPort } }))

  const names = await supervise({
    command: `${pebble}-challtestsrv`,
    arguments: [
      ['-defaultIPv4', '127.0.0.1', '-defaultIPv6', '', '-http01', '', '-https01', '', '-tlsalpn01', ''],
      ['-dns01', `127.0.0.1:${dnsPort}`, '-management', `127.0.0.1:${dnsManagementPort}`],
    ].flat(),
    stopDeadlineSeconds: 5,
    output: { file: join(folder, 'names.log') },
  })
  const get = async (at: string): Promise<string> =>
    (
      await run('curl', ['--silent', '--show-error', '--fail', '--max-time', '5', '--cacert', authority.certificate, at], {
        deadlineSeconds: 10,
      })
    ).output
  const server = await startServer({
    command: pebble,
    arguments: ['-config', config, '-dnsserver', `127.0.0.1:${dnsPort}`],
    environment: { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0' },
    logFile: join(folder, 'pebble.log'),
    readyDeadlineSeconds: 20,
    stopDeadlineSeconds: 5,
    probe: () => get(`${url}/dir`),
  })
  const root = join(folder, 'root.pem')
  writeFileSync(root, await get(`${management}/roots/0`))

  const kept = ['config', 'work', 'logs'].flatMap((name) => [
    `--${name}-dir`,
    join(folder, 'certbot', ...(name === 'config' ? [] : [name])),
  ])
  return {
    root,
    async certbot(command, words, environment = {}) {
      const all = [...words, '--server', `${url}/dir`, ...kept]
      const known = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin`, REQUESTS_CA_BUNDLE: authority.certificate, ...environment }
      return (await run(command === 'certbot' ? certbot : command, all, { deadlineSeconds: certbotDeadlineSeconds, environment: known }))
        .output
    },
    async stop() {
      await server.stop()
      await names.stop()
    },
  }
}
