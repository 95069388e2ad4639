/** What stands in the way of a backup or a restore, in words for the operator. */
export class BackupError extends Error {
  override readonly name = 'BackupError'
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined)

export const isCode = (error: unknown, ...codes: readonly string[]): boolean => codes.includes(String(codeOf(error)))

/** The same error, in words where it is one that an operator can do something about. */
export const inWords = (error: unknown, folder: string): unknown => {
  if (isCode(error, 'ENOSPC', 'EDQUOT'))
    return new BackupError(`no space is left in ${folder}: make room and run it again`, { cause: error })
  if (isCode(error, 'EACCES', 'EPERM', 'EROFS')) return new BackupError(`${folder} cannot be written to`, { cause: error })
  if (isCode(error, 'ENOTDIR')) return new BackupError(`${folder} is not a folder`, { cause: error })
  return error
}
