// DocumentDB raises SQLSTATE 'M' and an ordinal in base 36; these are the codes of MongoDB that an application may meet.
const ordinals =
  '0:1 1:2 2:5 3:9 4:14 5:15 6:20 7:23 8:26 9:27 A:28 B:31 C:34 D:40 E:43 F:48 G:52 H:53 I:54 J:56 K:57 L:61 M:66 N:67 O:68 P:72 ' +
  'Q:73 R:85 S:86 T:111 U:115 V:118 W:146 X:159 Y:165 Z:166 10:167 11:181 12:197 13:224 14:232 15:241 16:263 17:276 18:291 19:361 ' +
  '1B:10334 1C:11000 1D:12587 1H:13113 1I:13297 7U:40324 CO:121 DO:16 E7:13 E8:10107 EL:143'

const codesByOrdinal = new Map(
  ordinals.split(' ').map((pair): [string, number] => [pair.replace(/:.*/, ''), Number(pair.replace(/.*:/, ''))]),
)

const codesByState: Readonly<Record<string, number>> = {
  '0A000': 115,
  '22023': 2,
  '22P02': 2,
  '23505': 11000,
  '23P01': 11000,
  '40001': 112,
  '40P01': 112,
  '42501': 13,
  '42P01': 26,
  '53100': 14031,
  '54000': 67,
  '55P03': 112,
  '57014': 50,
}

const unknownError = 8
const duplicateKey = 11000

/** MongoDB's code for a SQLSTATE; 8 (UnknownError) where there is none. */
export const mongoCode = (state: string): number => {
  if (/^M.{4}$/.test(state)) return codesByOrdinal.get(state.slice(1).replace(/^0{1,3}/, '')) ?? unknownError
  return codesByState[state] ?? unknownError
}

/** Inside a reply of the extension a SQLSTATE is one number, six bits a character. */
export const unpackState = (packed: number): string =>
  [0, 6, 12, 18, 24].map((shift) => String.fromCharCode(((packed >>> shift) & 63) + 48)).join('')

/** An error that the extension reported in a reply instead of raising it. */
export class ReportedError extends Error {
  readonly code: string

  constructor(state: string, message: string) {
    super(message)
    this.code = state
  }
}

/** The SQLSTATE or the system's code (ECONNRESET, ...) of an error, if it has one. */
export const stateOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined

/** Two writers met; nothing was written, so that it can be tried again. */
export const isConflict = (state: string | undefined): boolean => state !== undefined && mongoCode(state) === 112

export const isDuplicateKey = (state: string | undefined): boolean => state !== undefined && mongoCode(state) === duplicateKey

/** Postgres is away: ended, starting, or its connection broke. */
export const isDown = (error: unknown): boolean => {
  const state = stateOf(error)
  if (state) return /^(57P0|08|ECONN|ENOENT|EPIPE)/.test(state)
  return error instanceof Error && /terminated|ended|not queryable/i.test(error.message)
}

/** No connection came free in time. */
export const isExhausted = (error: unknown): boolean =>
  stateOf(error) === '53300' || (error instanceof Error && /timeout exceeded when trying to connect/i.test(error.message))
