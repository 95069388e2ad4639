const patterns: readonly (readonly [RegExp, string])[] = [
  [/^[0-9a-f]{24}$/, 'id'],
  [/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'uuid'],
  [/^\d{4}-\d\d-\d\dT[\d:.]+Z$/, 'time'],
  [/^\+\d{10,}$/, 'phone'],
  [/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/, 'JWT'],
  [/^[A-Z2-7]{4}(-[A-Z2-7]{4}){3}$/, 'recovery code'],
  [/^[\w.-]{22,}$/, 'token'],
  [/^hgk_[\w-]+$/, 'key'],
]
const measured = new Set(['uptime', 'responseTime'])

/**
 * An answer with what differs from run to run replaced: `<id 1>` is the first id in it, wherever it stands. What is left is the contract.
 * @param numbers whether they differ too
 */
export const shapeOf = (answer: unknown, { numbers = false }: { readonly numbers?: boolean } = {}): unknown => {
  const ids = new Map<string, string>()
  const nameOf = (text: string): string => {
    const kind = patterns.find(([pattern]) => pattern.test(text))?.[1]
    if (kind !== 'id') return kind === undefined ? text : `<${kind}>`
    const name = ids.get(text) ?? `<id ${ids.size + 1}>`
    ids.set(text, name)
    return name
  }
  const replaced = (value: unknown, key = ''): unknown => {
    if (typeof value === 'string') return nameOf(value)
    if (typeof value === 'number') return numbers || measured.has(key) ? '<number>' : value
    if (Array.isArray(value)) return value.map((each) => replaced(each))
    if (value instanceof Object) return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, replaced(each, name)]))
    return value
  }
  return replaced(answer)
}
