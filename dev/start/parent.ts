/** Calls back once when the process that started this one has ended, at most half a second late. */
export const whenParentEnds = (callback: () => void): void => {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    callback()
  }, 500).unref()
}
