import type { z } from 'zod'
import type { ClamdSettings } from '../platform/content/scanner/clamd-scanner.js'
import type { variables } from './variables.js'

type Values = { [Name in keyof typeof variables]: z.output<(typeof variables)[Name]['schema']> }

/** What the variables of the scanner want of one another. */
export const scannerFaults = ({ SCANNER: scanner, CLAMD_SOCKET: path, CLAMD_HOST: host }: Partial<Values>): string[] => {
  if (path && host) return ['CLAMD_SOCKET: is set beside CLAMD_HOST; only one of the two can say where clamd is']
  if (scanner && !path && !host) return ['CLAMD_SOCKET: is required with SCANNER=clamd, or CLAMD_HOST']
  return !scanner && (path || host) ? [`SCANNER: is not set, and ${path ? 'CLAMD_SOCKET' : 'CLAMD_HOST'} is: clamd would not be asked`] : []
}

/** @returns undefined where nothing is scanned */
export const scannerOf = (values: Values): ClamdSettings | undefined => {
  const { SCANNER: scanner, CLAMD_SOCKET: path, CLAMD_HOST: host, CLAMD_PORT: port } = values
  const at = path ? { path } : host ? { host, port } : undefined
  return scanner && at && { at, timeoutMs: values.SCANNER_TIMEOUT * 1000, mostBytes: values.SCANNER_MAX_SIZE }
}
