import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

const challengePath = /^\/\.well-known\/acme-challenge\/(?<token>[\w-]{1,256})$/

/** Whether a path is one of what a certificate authority asks for to see that a name is ours (RFC 8555, 8.3). */
export const isChallenge = (path: string): boolean => path.startsWith('/.well-known/acme-challenge/')

/**
 * @param folder where certbot's --webroot puts its answers
 * @returns undefined where there is none
 */
export const challengeAnswer = async (folder: string, path: string): Promise<string | undefined> => {
  const token = challengePath.exec(path)?.groups?.['token']
  return token && readFile(join(folder, '.well-known/acme-challenge', token), 'utf8').catch(() => undefined)
}
