import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectFolder } from '../../../dev/services/project.js'

/** A section of a configuration in Fluent Bit's classic format; names in lower case, as it compares them. */
export interface Section {
  readonly kind: string
  readonly values: ReadonlyMap<string, string>
}

/** @throws Error where a line is neither a section, a setting nor a comment */
export const sectionsOf = (name: string): readonly Section[] => {
  const sections: { kind: string; values: Map<string, string> }[] = []
  for (const line of readFileSync(join(projectFolder, 'deploy/fluent-bit', name), 'utf8').split('\n')) {
    if (/^\s*(#.*)?$/.test(line)) continue
    const kind = /^\[([A-Z]+)\]$/.exec(line)?.[1]
    if (kind !== undefined) {
      sections.push({ kind, values: new Map() })
      continue
    }
    const [, key, value] = /^ {4}([\w.]+)\s+(\S.*)$/.exec(line) ?? []
    if (key === undefined || value === undefined || sections.length === 0) throw new Error(`not understood: ${line}`)
    sections.at(-1)?.values.set(key.toLowerCase(), value)
  }
  return sections
}

interface Parsed {
  readonly fields: Readonly<Record<string, unknown>>
  /** What the record's time becomes, in milliseconds; that of its being read where the line has none. */
  readonly time: number | undefined
}

/** What is between the parts of a format stands for itself. */
const parts: Readonly<Record<string, string>> = {
  '%Y': '(?<year>\\d{4})',
  '%m': '(?<month>\\d{2})',
  '%d': '(?<day>\\d{2})',
  '%H': '(?<hour>\\d{2})',
  '%M': '(?<minute>\\d{2})',
  '%S': '(?<second>\\d{2})',
  '%L': '(?<fraction>\\d{1,9})', // as strptime has none
  '%z': '(?<sign>[+-])(?<offsetHours>\\d{2})(?<offsetMinutes>\\d{2})',
}

/** As strptime reads it; UTC where the format has no zone, as Fluent Bit takes it. */
const timeBy = (format: string, text: string): number => {
  const pattern = format.replaceAll(/%?./g, (part) => parts[part] ?? part.replaceAll(/[^\w]/g, '\\$&'))
  const found = new RegExp(`^${pattern}$`).exec(text)?.groups
  if (found === undefined) throw new Error(`${text} is not ${format}`)
  const number = (name: string): number => Number(found[name] ?? 0)
  const offset = (number('offsetHours') * 60 + number('offsetMinutes')) * (found['sign'] === '-' ? -1 : 1)
  const milliseconds = Math.round(Number(`0.${found['fraction'] ?? '0'}`) * 1000)
  const [year, month, day] = [number('year'), number('month'), number('day')]
  return Date.UTC(year, month - 1, day, number('hour'), number('minute') - offset, number('second'), milliseconds)
}

/** Reads a line as a parser of parsers.conf does. @throws Error where Fluent Bit would pass it on unread */
export const parserOf = (name: string): ((line: string) => Parsed) => {
  const values = sectionsOf('parsers.conf').find((section) => section.kind === 'PARSER' && section.values.get('name') === name)?.values
  const setting = (key: string): string => {
    const value = values?.get(key)
    if (value === undefined) throw new Error(`the parser ${name} has no ${key}`)
    return value
  }
  const read = (line: string): Readonly<Record<string, unknown>> | undefined =>
    setting('format') === 'json' ? JSON.parse(line) : new RegExp(setting('regex')).exec(line)?.groups
  return (line) => {
    const fields = read(line)
    if (fields === undefined) throw new Error(`not of the parser ${name}: ${line}`)
    const time = fields[setting('time_key')]
    return { fields, time: typeof time === 'string' ? timeBy(setting('time_format'), time) : undefined }
  }
}
