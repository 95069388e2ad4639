import { Transform } from 'node:stream'

/** Passes bytes on, and fails where they are more or fewer than was said. */
export const exactLength = (size: number): Transform => {
  let seen = 0
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length
      done(seen > size ? new Error(`more than the ${size} bytes that were said`) : null, chunk)
    },
    flush(done) {
      done(seen < size ? new Error(`${seen} bytes instead of the ${size} that were said`) : null)
    },
  })
}
