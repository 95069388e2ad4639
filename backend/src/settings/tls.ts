import type { z } from 'zod'
import { CertificateFault, type CertificatePaths, certificateWarning, readCertificate } from '../platform/certificate-files.js'
import type { variables } from './variables.js'

type Values = { [Name in keyof typeof variables]: z.output<(typeof variables)[Name]['schema']> }

/** How the server speaks TLS by itself. */
export interface TlsSettings {
  readonly paths: CertificatePaths
  /** Who comes to this port in the clear is sent to where TLS is spoken: by API_URL, or the host that was asked for. */
  readonly redirect:
    | {
        readonly port: number
        readonly publicUrl: string | undefined /** See `RedirectServer`. */
        readonly challengeFolder: string | undefined
      }
    | undefined
}

const pathsOf = ({ TLS_CERT_FILE: certificate, TLS_KEY_FILE: key }: Partial<Values>): CertificatePaths | undefined =>
  certificate && key ? { certificate, key } : undefined

/** What the variables of TLS want of one another, and of the files that they name. */
export const tlsFaults = (values: Partial<Values>): string[] => {
  const { TLS_CERT_FILE: certificate, TLS_KEY_FILE: key, HTTP_REDIRECT_PORT: redirectPort, PORT: port, API_URL: apiUrl } = values
  if (values.ACME_WEBROOT && redirectPort === undefined) return ['ACME_WEBROOT: needs HTTP_REDIRECT_PORT']
  if (certificate && !key) return ['TLS_KEY_FILE: is required with TLS_CERT_FILE']
  if (key && !certificate) return ['TLS_CERT_FILE: is required with TLS_KEY_FILE']
  const paths = pathsOf(values)
  if (!paths) return redirectPort === undefined ? [] : ['HTTP_REDIRECT_PORT: needs TLS_CERT_FILE and TLS_KEY_FILE']
  return [
    ...fileFaults(paths),
    ...(redirectPort !== undefined && redirectPort !== 0 && redirectPort === port ? ['HTTP_REDIRECT_PORT: is PORT itself'] : []),
    ...(apiUrl?.startsWith('http:') ? ['API_URL: begins with http://, and TLS_CERT_FILE is set'] : []),
  ]
}

const fileFaults = (paths: CertificatePaths): string[] => {
  try {
    readCertificate(paths)
    return []
  } catch (error) {
    if (error instanceof CertificateFault) return [error.message]
    throw error
  }
}

/** What an operator should know. */
export const tlsWarnings = (values: Values): string[] => {
  const paths = pathsOf(values)
  const warning = paths && certificateWarning(readCertificate(paths))
  return warning === undefined ? [] : [warning]
}

/** @returns undefined where something else speaks TLS, or nothing does */
export const tlsOf = (values: Values): TlsSettings | undefined => {
  const paths = pathsOf(values)
  const port = values.HTTP_REDIRECT_PORT
  return (
    paths && { paths, redirect: port === undefined ? undefined : { port, publicUrl: values.API_URL, challengeFolder: values.ACME_WEBROOT } }
  )
}
