import { randomInt } from 'node:crypto'

const [first, last] = [10, 99]
const choiceCount = 3

/** A number to be matched: what the browser shows, and what the phone is to choose it from, in random order. */
export const newChoices = (): { code: string; choices: string[] } => {
  const numbers = new Set<string>()
  while (numbers.size < choiceCount) numbers.add(String(randomInt(first, last + 1)))
  const choices = [...numbers] // each number is as likely at each place, and so is the code
  return { code: choices[randomInt(choiceCount)] ?? '', choices }
}
