import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'

/** A secret is a line; a key of any kind is far smaller. */
const mostBytes = 64 * 1024

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
}

const reasonOf = (error: unknown): string => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'for no known reason'
  return reasons[code] ?? `cannot be read (${code})`
}

/** Shown where it is a path to the eye: who puts the secret itself where its file belongs finds it in no log. */
const shownPath = (path: string): string => (/^\.{0,2}\//.test(path) ? path : 'what it names')

/** Whoever opens a pipe waits for its other end: not here. */
const withoutWaiting = constants.O_RDONLY | constants.O_NONBLOCK

const bytesOf = (path: string): Buffer | string => {
  const file = openSync(path, withoutWaiting)
  try {
    const facts = fstatSync(file)
    if (facts.isDirectory()) return 'is a directory'
    if (!facts.isFile()) return 'is no regular file'
    if (facts.size > mostBytes) return `is larger than ${mostBytes / 1024} KB`
    return readFileSync(file)
  } finally {
    closeSync(file)
  }
}

const decoded = (bytes: Buffer): string | undefined => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).trim()
  } catch {
    return undefined // the error would quote nothing, and says nothing more
  }
}

/** @returns the text of a secret's file without the space around it, or what is wrong with the file: never what is in it */
export const readSecretFile = (path: string, { mayBeEmpty = false } = {}): { readonly text: string } | { readonly fault: string } => {
  const fault = (what: string) => ({ fault: `${shownPath(path)}: ${what}` })
  try {
    const bytes = bytesOf(path)
    if (typeof bytes === 'string') return fault(bytes)
    const text = decoded(bytes)
    if (text === undefined) return fault('holds bytes that are no text (UTF-8)')
    return text === '' && !mayBeEmpty ? fault('is empty') : { text }
  } catch (error) {
    return fault(reasonOf(error))
  }
}
