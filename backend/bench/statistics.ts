/** The value below which a share of the values lies (nearest rank); 0 of none. @param share from 0 to 1 */
export const quantile = (values: readonly number[], share: number): number => {
  const ascending = values.toSorted((a, b) => a - b)
  return ascending[Math.max(0, Math.ceil(ascending.length * share) - 1)] ?? 0
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

/** Rounded to three significant digits: no benchmark knows more. */
export const rounded = (value: number): number => Number(value.toPrecision(3))
