import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/** Who collects logs reads them by the file's group. */
const mode = 0o640
const standardError = 2

const tellAside = (text: string): void => {
  try {
    writeSync(standardError, text)
  } catch {
    // nobody is left to be told
  }
}

const open = (path: string): number => {
  mkdirSync(dirname(path), { recursive: true })
  return openSync(path, 'a', mode)
}

/**
 * A file that processes append lines to, each by one write, so that none is inside another's (on a disk of the machine: NFS does not append).
 * A line is in the file when `write` returns, whatever becomes of the process. While the file takes none, they go to the standard error.
 */
export class LogFile {
  readonly #path: string
  #descriptor: number
  /** Lines that are not in the file; 0 while all is well. */
  #aside = 0
  /** @throws what opening it throws; folders above it are made */
  constructor(path: string) {
    this.#path = path
    this.#descriptor = open(path)
  }

  /** @param line ends with a newline */
  write(line: string): void {
    try {
      this.#append(this.#aside === 0 ? line : `\n${line}`) // a disk that was full may have taken half a line
      if (this.#aside > 0) tellAside(`LOG_FILE is written again: ${this.#aside} lines are not in it\n`)
      this.#aside = 0
    } catch (error) {
      if (this.#aside === 0) tellAside(`LOG_FILE cannot be written, its lines are told here: ${String(error)}\n`)
      this.#aside += 1
      tellAside(line)
    }
  }

  /** Goes on in the file that has the path now, once the former was renamed. Where there can be none, the former is kept. */
  reopen(): void {
    const former = this.#descriptor
    try {
      this.#descriptor = open(this.#path)
    } catch (error) {
      return tellAside(`LOG_FILE cannot be opened anew, and goes on where it was: ${String(error)}\n`)
    }
    closeSync(former)
  }

  #append(text: string): void {
    const bytes = Buffer.from(text)
    const written = writeSync(this.#descriptor, bytes)
    if (written < bytes.length) throw new Error(`${written} of ${bytes.length} bytes were taken`)
  }
}
