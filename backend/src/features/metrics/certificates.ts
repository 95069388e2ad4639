import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Registry } from 'prom-client'
import { measuredGauge } from '../../platform/metrics/measured.js'

/** Tells when a certificate is good no more; -1 while its file cannot be read as one. @param file PEM; of several certificates in it the first, which is the server's */
export const measureCertificate = (registry: Registry, file: string): void => {
  const about = {
    name: 'certificate_expiry_timestamp_seconds',
    help: 'When the certificate is good no more, in seconds since 1970; -1 while its file cannot be read',
  }
  measuredGauge(registry, about, () =>
    readFile(file)
      .then((pem) => Date.parse(new X509Certificate(pem).validTo) / 1000)
      .catch(() => -1),
  )
}
