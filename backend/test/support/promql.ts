const keywords = new Set(['by', 'without', 'on', 'ignoring', 'and', 'or', 'unless', 'bool', 'group_left', 'group_right', 'offset'])

/** The names of metrics in an expression of Prometheus: what is no function, no label, no keyword. */
export const metricsIn = (expression: string): string[] => {
  const bare = expression
    .replaceAll(/"[^"]*"|'[^']*'/g, '')
    .replaceAll(/\{[^}]*\}|\[[^\]]*\]/g, ' ')
    .replaceAll(/\b(by|without|on|ignoring)\s*\([^)]*\)/g, ' ')
  return [...bare.matchAll(/[a-zA-Z_:][\w:]*(?!\w|\s*\()/g)].map(([name]) => name).filter((name) => !keywords.has(name))
}

/** The values of a key in a YAML file of rules, those of several lines too. */
export const valuesIn = (yaml: string, key: string): string[] =>
  [...yaml.matchAll(new RegExp(`^( *)(?:- )?${key}: (?:\\|\\n((?:\\1 {2,}.*\\n)+)|(.+))$`, 'gm'))].map(([, , block, line]) =>
    (block ?? line ?? '').trim(),
  )
