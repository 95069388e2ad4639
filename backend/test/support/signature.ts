import { createHash, createHmac } from 'node:crypto'
import type { ReceivedRequest } from './http-receiver.js'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
const pattern =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/

/**
 * Whose signature a request without a query carries: AWS Signature Version 4.
 * @returns undefined where it has none, or one that this secret key does not make
 */
export const signedBy = (
  { method, path, headers, body }: ReceivedRequest,
  secretKey: string,
): { keyId: string; region: string; service: string } | undefined => {
  const [, keyId = '', day = '', region = '', service = '', names = '', signature] = pattern.exec(headers.authorization ?? '') ?? []
  const canonicalHeaders = names.split(';').map((name) => `${name}:${String(headers[name]).trim()}\n`)
  const canonical = [method, path, '', canonicalHeaders.join(''), names, sha256(body)].join('\n')
  const scope = `${day}/${region}/${service}/aws4_request`
  const toSign = ['AWS4-HMAC-SHA256', String(headers['x-amz-date']), scope, sha256(canonical)].join('\n')
  const key = [region, service, 'aws4_request'].reduce<Buffer>(hmac, hmac(`AWS4${secretKey}`, day))
  return hmac(key, toSign).toString('hex') === signature ? { keyId, region, service } : undefined
}
