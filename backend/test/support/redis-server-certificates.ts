import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../../../dev/services/run.js'

/** The paths of a certificate and its key. */
export interface Authority {
  readonly certificate: string
  readonly key: string
}

const openssl = (...words: string[]) => run('openssl', words, { deadlineSeconds: 10 })
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** Makes a certificate authority. */
export const anAuthority = async (folder: string, name: string): Promise<Authority> => {
  const files = { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) }
  await openssl('req', '-x509', ...newKey, '-keyout', files.key, '-out', files.certificate, '-subj', `/CN=${name}`, '-days', '1')
  return files
}

/** Makes a server's certificate for these names. */
export const aCertificate = async (folder: string, authority: Authority, subjectAltName: string): Promise<Authority> => {
  const files = { certificate: join(folder, 'server.pem'), key: join(folder, 'server.key') }
  const [request, extensions] = [join(folder, 'server.csr'), join(folder, 'server.ext')]
  writeFileSync(extensions, `subjectAltName=${subjectAltName}\n`)
  await openssl('req', ...newKey, '-keyout', files.key, '-out', request, '-subj', '/CN=redis')
  const signing = ['-CA', authority.certificate, '-CAkey', authority.key, '-CAcreateserial', '-days', '1', '-extfile', extensions]
  await openssl('x509', '-req', '-in', request, '-out', files.certificate, ...signing)
  return files
}
