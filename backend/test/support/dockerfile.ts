import { DockerfileParser, type Instruction, type JSONInstruction, type PropertyInstruction } from 'dockerfile-ast'

/** One instruction of a Dockerfile. */
export interface Step {
  readonly keyword: string
  readonly flags: Readonly<Record<string, string>>
  /** Its words; of the JSON form, the texts in it. */
  readonly words: readonly string[]
  /** Whether the words are those of a JSON array. */
  readonly json: boolean
  /** What ENV, ARG and LABEL set. */
  readonly properties: Readonly<Record<string, string>>
}

/** From one FROM to the next. */
export interface Stage {
  /** An image, or the name of an earlier stage. */
  readonly from: string
  readonly name: string | undefined
  readonly steps: readonly Step[]
}

const isJson = (instruction: Instruction): instruction is JSONInstruction => 'getJSONStrings' in instruction
const hasProperties = (instruction: Instruction): instruction is PropertyInstruction => 'getProperties' in instruction

const flagsOf = (instruction: Instruction): Step['flags'] => {
  if (!('getFlags' in instruction)) return {}
  const flags = (instruction as JSONInstruction).getFlags()
  return Object.fromEntries(flags.map((flag) => [flag.getName(), flag.getValue() ?? '']))
}

const jsonWords = (instruction: Instruction): string[] | undefined => {
  if (isJson(instruction) && instruction.getJSONStrings().length > 0) return instruction.getJSONStrings().map((each) => each.getJSONValue())
  const text = /^CMD (?<array>\[.*\])$/.exec(instruction.getArguments().map(String).join(' '))?.groups?.['array'] // of a HEALTHCHECK
  return text === undefined ? undefined : (JSON.parse(text) as string[])
}

const stepOf = (instruction: Instruction): Step => {
  const json = jsonWords(instruction)
  const properties = hasProperties(instruction) ? instruction.getProperties() : []
  return {
    keyword: instruction.getKeyword(),
    flags: flagsOf(instruction),
    words: json ?? instruction.getArguments().map(String),
    json: json !== undefined,
    properties: Object.fromEntries(properties.map((property) => [property.getName(), property.getValue() ?? ''])),
  }
}

/** The stages of a Dockerfile, in order. */
export const stagesOf = (text: string): Stage[] => {
  const stages: (Stage & { steps: Step[] })[] = []
  for (const step of DockerfileParser.parse(text).getInstructions().map(stepOf)) {
    const [from = '', , name] = step.words
    if (step.keyword === 'FROM') stages.push({ from, name, steps: [] })
    else stages.at(-1)?.steps.push(step)
  }
  return stages
}

/** Whether a path is let into the build by a .dockerignore that keeps out all but what it names. */
export const buildContext = (ignoreFile: string): { readonly entries: readonly string[]; has(path: string): boolean } => {
  const [first, ...others] = ignoreFile.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  if (first !== '*' || others.some((line) => !/^![\w./-]+$/.test(line)))
    throw new Error('.dockerignore: not a list of what is let in: *, then lines such as !backend/src')
  const entries = others.map((line) => line.slice(1))
  return { entries, has: (path) => entries.some((entry) => path === entry || path.startsWith(`${entry}/`)) }
}
