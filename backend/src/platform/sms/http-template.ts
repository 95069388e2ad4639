type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** A JSON document whose texts hold `{{to}}` and `{{text}}`. */
export type SmsTemplate = Json

const places = /\{\{(?<name>to|text)\}\}/g

/** @returns undefined where the text is no JSON, or does not say where the phone and the message go */
export const parseSmsTemplate = (text: string): SmsTemplate | undefined => {
  const template = parseJson(text)
  if (template === undefined) return undefined
  const marks = ['a phone', 'a message'] as const
  const filled = fillSmsTemplate(template, { to: marks[0], text: marks[1] })
  return marks.every((mark) => filled.includes(mark)) ? template : undefined
}

/** The request's body. What is filled in cannot become anything but part of a text. */
export const fillSmsTemplate = (template: SmsTemplate, values: { readonly to: string; readonly text: string }): string =>
  JSON.stringify(template, (_key, value: unknown) =>
    typeof value === 'string' ? value.replaceAll(places, (_place, name: 'to' | 'text') => values[name]) : value,
  )

const parseJson = (text: string): Json | undefined => {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}
