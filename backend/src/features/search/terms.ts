import { isFindable, isSign, pairsOf, type Run, runsOf } from '../messages/index.js'

/** What a message has to say: these pieces one after another. */
export interface Term {
  readonly runs: readonly Run[]
  /** Outside quotes a word finds all that begin with it. */
  readonly isBeginning: boolean
}

/** A word of the index, or the beginning of one. */
export type LookUp = string | RegExp

const quotes = /["“”„«»]/u

/** What was asked for: phrases in quotes, else words. A quote that is not closed goes to the end. */
export const termsOf = (question: string): Term[] =>
  question.split(quotes).flatMap((part, n): Term[] => {
    const runs = [...runsOf(part)]
    if (n % 2 === 0) return runs.map((run) => ({ runs: [run], isBeginning: true }))
    return runs.length === 0 ? [] : [{ runs, isBeginning: false }]
  })

/** By which a message of this term can be found, whatever else it has to be looked at for. */
const ofTerm = ({ runs, isBeginning }: Term): LookUp[] =>
  runs.flatMap((run): LookUp[] => {
    const words = pairsOf(run).filter(isFindable)
    const [word] = words
    if (run.length > 1 || word === undefined) return words
    return isBeginning || isSign(word) ? [new RegExp(`^${word}`)] : [word] // nothing in a word means something in an expression
  })

const lengthOf = (lookUp: LookUp): number => (typeof lookUp === 'string' ? lookUp.length : lookUp.source.length - 1)

const mostLookUps = 8

/** The longest words of all terms, which are the rarest; none where nothing can be looked for. */
export const lookUpsOf = (terms: readonly Term[]): LookUp[] => {
  const byText = new Map(terms.flatMap(ofTerm).map((lookUp) => [String(lookUp), lookUp]))
  return [...byText.values()].toSorted((a, b) => lengthOf(b) - lengthOf(a)).slice(0, mostLookUps)
}

const isAt = (pieces: readonly string[], at: number, wanted: readonly string[], isBeginning: boolean): boolean =>
  wanted.every((piece, n) => {
    const found = pieces[at + n]
    return found === piece || (isBeginning && n === wanted.length - 1 && found?.startsWith(piece) === true)
  })

/** Whether a text says all of it. */
export const says = (text: string, terms: readonly Term[]): boolean => {
  const pieces = [...runsOf(text)].flat()
  return terms.every(({ runs, isBeginning }) => {
    const wanted = runs.flat()
    return pieces.some((_, at) => isAt(pieces, at, wanted, isBeginning))
  })
}
