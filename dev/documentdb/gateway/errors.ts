import { serialize } from 'bson'

const names: Readonly<Record<number, string>> = {
  1: 'InternalError',
  2: 'BadValue',
  8: 'UnknownError',
  9: 'FailedToParse',
  13: 'Unauthorized',
  14: 'TypeMismatch',
  20: 'IllegalOperation',
  26: 'NamespaceNotFound',
  27: 'IndexNotFound',
  28: 'PathNotViable',
  40: 'ConflictingUpdateOperators',
  43: 'CursorNotFound',
  48: 'NamespaceExists',
  50: 'MaxTimeMSExpired',
  59: 'CommandNotFound',
  66: 'ImmutableField',
  67: 'CannotCreateIndex',
  72: 'InvalidOptions',
  73: 'InvalidNamespace',
  85: 'IndexOptionsConflict',
  86: 'IndexKeySpecsConflict',
  91: 'ShutdownInProgress',
  112: 'WriteConflict',
  115: 'CommandNotSupported',
  121: 'DocumentValidationFailure',
  251: 'NoSuchTransaction',
  262: 'ExceededTimeLimit',
  263: 'OperationNotSupportedInTransaction',
  11000: 'DuplicateKey',
}

/** The fields by which MongoDB tells of an error. */
export interface ErrorFields {
  readonly code: number
  readonly errmsg: string
  readonly keyPattern?: unknown
  readonly keyValue?: unknown
}

/** An error with a code of MongoDB's, to be answered as it is. */
export class CommandError extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

export const noSuchTransaction = (number: unknown): CommandError =>
  new CommandError(251, `Given transaction number ${String(number)} does not match any in-progress transactions.`)

/** The reply to a command that failed. */
export const errorReply = (fields: ErrorFields, labels: readonly string[]): Uint8Array =>
  serialize({
    ok: 0,
    ...fields,
    codeName: names[fields.code] ?? `Location${fields.code}`,
    ...(labels.length > 0 && { errorLabels: labels }),
  })
