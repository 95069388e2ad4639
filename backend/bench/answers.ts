/** What a measured process sends to the one that measures. */
type Message = { readonly answer: unknown } | { readonly error: string }

/**
 * Answers the questions of the process that started this one, one after the other, and ends with it.
 * @param first said at once: this process is ready
 */
export const answerQuestions = (first: unknown, answer: (question: unknown) => unknown): void => {
  const send = (message: Message) => process.send?.(message)
  process.on('message', (question) => {
    void Promise.resolve(question)
      .then(answer)
      .then((answered) => send({ answer: answered }))
      .catch((error: unknown) => send({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }))
  })
  process.once('disconnect', () => process.exit())
  send({ answer: first })
}
