import { createHash, randomBytes } from 'node:crypto'

/** A secret that its owner alone holds: base64url, which needs no escaping anywhere. */
export const newToken = (bytes: number): string => randomBytes(bytes).toString('base64url')

/** What is kept of a token (SHA-256, base64url): who reads the store finds nothing that could be used. */
export const hashOfToken = (token: string): string => createHash('sha256').update(token).digest('base64url')
