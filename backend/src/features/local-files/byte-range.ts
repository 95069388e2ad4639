export interface ByteRange {
  /** Both counted. */
  readonly start: number
  readonly end: number
}

/**
 * The part of a body that a Range header asks for (RFC 9110, 14.2).
 * @param size of the whole, in bytes
 * @returns undefined where the whole is to be answered: without a header, with one that is no range, or with several ranges
 */
export const byteRangeOf = (header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined => {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? []
  if (first === '' && last === '') return undefined
  if (first === '') {
    const length = Math.min(Number(last), size)
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size - 1 }
  }
  const [start, end] = [Number(first), last === '' ? size - 1 : Number(last)]
  if (last !== '' && end < start) return undefined
  return start < size ? { start, end: Math.min(end, size - 1) } : 'unsatisfiable'
}
