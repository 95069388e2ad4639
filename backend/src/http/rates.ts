/** So many requests in a window, counted as a sliding window. */
export interface Rate {
  readonly points: number
  readonly windowSeconds: number
}

const unitSeconds = { s: 1, min: 60, h: 3600, d: 86_400 } as const

/**
 * `5/min`, `100/15min`, `20/s burst 60` -> a rate; undefined where the text is none of these.
 * A burst is the same rate over a longer window: 20/s burst 60 is 60 in 3 s.
 */
const parseRate = (text: string): Rate | undefined => {
  const match = /^(\d{1,7})\/(\d{0,4})(s|min|h|d)(?: burst (\d{1,7}))?$/.exec(text)
  if (!match) return undefined
  const points = Number(match[1])
  const windowSeconds = Number(match[2] || 1) * unitSeconds[match[3] as keyof typeof unitSeconds]
  const burst = Number(match[4] ?? points)
  if (points < 1 || windowSeconds < 1 || burst < points) return undefined
  return { points: burst, windowSeconds: (windowSeconds * burst) / points }
}

/**
 * `5/min`, or a rate for each key, `3/h per phone, 10/h per ip`; one without a name is for all that are not named.
 * @param keys what the row counts by
 * @returns the rates that the text gives; undefined where it is no such text, or names what the row does not count by, or one twice
 */
export const parseRates = <K extends string>(text: string, keys: readonly K[]): Partial<Record<K, Rate>> | undefined => {
  const rates: Partial<Record<K, Rate>> = {}
  let common: Rate | undefined
  for (const part of text.split(/ ?, ?/)) {
    const [rateText = '', name, ...rest] = part.split(' per ')
    const rate = parseRate(rateText)
    const key = keys.find((known) => known === name)
    if (!rate || rest.length > 0 || (name === undefined ? common : key === undefined || rates[key])) return undefined
    if (key === undefined) common = rate
    else rates[key] = rate
  }
  for (const key of keys) if (common && !rates[key]) rates[key] = common
  return rates
}
