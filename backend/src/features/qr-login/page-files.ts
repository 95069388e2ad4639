import { readFileSync } from 'node:fs'

const folder = new URL('../../../pages/', import.meta.url)

const marks: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** A text as HTML shows it, in an element or a quoted attribute. */
export const escapeHtml = (text: string): string => text.replaceAll(/[&<>"']/g, (mark) => marks[mark] ?? mark)

/** A file of backend/pages. */
export const readPage = (name: string): string => readFileSync(new URL(name, folder), 'utf8')

/** The same with each `{{name}}` filled in by HTML. @throws Error where one has no value */
export const fillPage = (name: string, values: Readonly<Record<string, string>>): string =>
  readPage(name).replaceAll(/\{\{(\w+)\}\}/g, (_mark, key: string) => {
    const value = values[key]
    if (value === undefined) throw new Error(`${name} needs ${key}`)
    return value
  })
