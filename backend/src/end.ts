/** Ends a command: 0 where it is done, 1 where it failed, 2 where something else has to be typed; what it has to say goes to the standard output, else the standard error. */
export const end = (code: 0 | 1 | 2, message?: string): never => {
  if (message !== undefined) (code === 0 ? process.stdout : process.stderr).write(`${message}\n`)
  process.exit(code)
}
