import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../../dev/services/free-port.js'
import { startServer } from '../../../dev/services/start-server.js'
import { temporaryFolder } from '../../../dev/services/temporary-folder.js'
import { testProgram } from '../../../dev/services/test-programs.js'
import { ClamdScanner } from '../../src/platform/content/scanner/clamd-scanner.js'

/** What every scanner finds, and no scanner is to find in this file (https://www.eicar.org/download-anti-malware-testfile/). */
export const eicar = ['X5O!P%@AP[4\\PZX54(P^)7CC)7}$', 'EICAR', '-STANDARD-ANTIVIRUS-', 'TEST-FILE!$H+H*'].join('')

/** What this clamd looks through, in bytes. */
export const clamdMostBytes = 1024 * 1024

/** A clamd that knows one thing, listening on a socket and on a port of 127.0.0.1. */
export interface Clamd {
  readonly path: string
  readonly port: number
  stop(): Promise<void>
}

const configuration = (folder: string, port: number): string => `
Foreground yes
DatabaseDirectory ${folder}/signatures
LocalSocket ${folder}/clamd.socket
TCPAddr 127.0.0.1
TCPSocket ${port}
StreamMaxLength ${clamdMostBytes}
AlertExceedsMax yes
MaxRecursion 2
Bytecode no
TemporaryDirectory ${folder}
`

/** Starts a clamd that ends with this process at the latest. @throws where this machine has none, with what to type */
export const startClamd = async (): Promise<Clamd> => {
  const command = testProgram('clamav-daemon')
  const folder = temporaryFolder()
  const port = await freePort()
  const path = join(folder.path, 'clamd.socket')
  mkdirSync(join(folder.path, 'signatures'))
  writeFileSync(join(folder.path, 'signatures', 'test.ndb'), `Test.Eicar:0:*:${Buffer.from(eicar.slice(0, 40)).toString('hex')}\n`)
  writeFileSync(join(folder.path, 'clamd.conf'), configuration(folder.path, port))
  chmodSync(folder.path, 0o755)
  const scanner = new ClamdScanner({ at: { path }, timeoutMs: 1000, mostBytes: 1 })
  const server = await startServer({
    command,
    arguments: [`--config-file=${join(folder.path, 'clamd.conf')}`, '--foreground'],
    logFile: join(folder.path, 'log'),
    readyDeadlineSeconds: 30,
    stopDeadlineSeconds: 10,
    probe: () => scanner.check(),
  })
  return {
    path,
    port,
    async stop() {
      await server.stop()
      folder.remove()
    },
  }
}
