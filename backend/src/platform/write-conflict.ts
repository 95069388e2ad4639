/** True where a write was refused because another one was under way: WriteConflict, by its code. */
export const isWriteConflict = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 112
