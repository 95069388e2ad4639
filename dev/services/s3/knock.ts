const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : reasonOf(error.cause) // fetch says no more than that it failed
}

/** Asks for any answer by HTTP: whom the server lets in is not asked. @returns the status @throws Error with the reason that nothing answered in time */
export const knockAtS3 = async (endpoint: string, deadlineMilliseconds: number, path = '/'): Promise<number> => {
  try {
    const answer = await fetch(new URL(path, endpoint), { signal: AbortSignal.timeout(deadlineMilliseconds), redirect: 'manual' })
    await answer.body?.cancel()
    return answer.status
  } catch (error) {
    throw new Error(reasonOf(error), { cause: error })
  }
}
