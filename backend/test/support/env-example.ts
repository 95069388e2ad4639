import type { Variable } from '../../src/settings/variable.js'
import { variables } from '../../src/settings/variables.js'

const preamble = `# Every variable that the server reads. What is commented out shows its default, or an example.
# An empty value counts as unset. Made from backend/src/settings:
#   npx vitest run backend/test/env-example.test.ts -u
`

const isRequired = (variable: Variable): boolean => !variable.schema.safeParse(undefined).success

const entry = ([name, variable]: [string, Variable]): string => {
  const about = variable.secret ? `${variable.about}. Or ${name}_FILE: the file that holds it` : variable.about
  return `# ${about}\n${isRequired(variable) ? '' : '# '}${name}=${variable.example}\n`
}

/** The text of `.env.example`: a section a heading, a comment and a line per variable. */
export const renderEnvExample = (): string => {
  const entries = Object.entries<Variable>(variables)
  const sections = new Set(entries.map(([, { section }]) => section))
  const blocks = [...sections].map((name) => {
    const own = entries.filter(([, { section }]) => section === name)
    return `## ${name}\n\n${own.map(entry).join('\n')}`
  })
  return [preamble, ...blocks].join('\n')
}
