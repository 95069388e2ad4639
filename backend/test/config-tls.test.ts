import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { certificateWarning } from '../src/platform/certificate-files.js'
import { aFile, faultsOf, read } from './support/configuration.js'
import { overTls, TlsWorld } from './support/tls.js'

const tls = TlsWorld.forThisFile()

describe('the settings of TLS', () => {
  it('say all that is wrong with the files, and nothing that is in them', async () => {
    const other = await tls.aCertificate()
    const { certificate, key } = tls.good
    const garbage = aFile('-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n')
    expect(faultsOf(overTls(tls.good))).toEqual([])
    expect(faultsOf({ TLS_CERT_FILE: certificate })).toEqual(['TLS_KEY_FILE: is required with TLS_CERT_FILE'])
    expect(faultsOf({ TLS_KEY_FILE: key })).toEqual(['TLS_CERT_FILE: is required with TLS_KEY_FILE'])
    expect(faultsOf(overTls({ certificate: '/nowhere', key }))).toEqual(['TLS_CERT_FILE: cannot be read (ENOENT)'])
    expect(faultsOf(overTls({ certificate: key, key }))).toEqual(['TLS_CERT_FILE: holds no certificate in PEM format'])
    expect(faultsOf(overTls({ certificate, key: garbage }))).toEqual(['TLS_KEY_FILE: holds no key in PEM format, or one with a passphrase'])
    expect(faultsOf(overTls({ certificate, key: other.key }))).toEqual(['TLS_KEY_FILE: is not the key of TLS_CERT_FILE'])
    const chain = aFile(`${readFileSync(certificate, 'utf8')}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`)
    expect(faultsOf(overTls({ certificate: chain, key }))).toEqual([expect.stringMatching(/^TLS_CERT_FILE: cannot be used/)])
    expect(faultsOf({ ...overTls(tls.good), ACME_WEBROOT: '/var/www/certbot' })).toEqual(['ACME_WEBROOT: needs HTTP_REDIRECT_PORT'])
    expect(faultsOf({ HTTP_REDIRECT_PORT: '80' })).toEqual(['HTTP_REDIRECT_PORT: needs TLS_CERT_FILE and TLS_KEY_FILE'])
    expect(faultsOf({ ...overTls(tls.good), PORT: '443', HTTP_REDIRECT_PORT: '443' })).toEqual(['HTTP_REDIRECT_PORT: is PORT itself'])
    expect(faultsOf({ ...overTls(tls.good), API_URL: 'http://chat.example.com' })).toEqual([
      expect.stringMatching(/^API_URL: begins with http/),
    ])
  })

  it('make the API’s own address one of TLS', () => {
    expect(read(overTls(tls.good)).server.publicUrl).toBe('https://localhost:3000')
  })

  it('warn of a certificate that ends in half a month', () => {
    expect(read(overTls(tls.good)).warnings).toEqual([expect.stringMatching(/^TLS_CERT_FILE: expires at .*, and was not renewed$/)]) // in a day
    const expiresAt = new Date('2030-01-31T00:00:00Z')
    const warningAt = (time: string) => certificateWarning({ cert: '', key: '', expiresAt }, Date.parse(time))
    expect(warningAt('2030-01-02T00:00:00Z')).toBeUndefined()
    expect(warningAt('2030-02-01T00:00:00Z')).toContain('expired at 2030-01-31')
  })
})
