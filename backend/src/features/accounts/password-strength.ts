import { ZxcvbnFactory } from '@zxcvbn-ts/core'
import { adjacencyGraphs, dictionary as common } from '@zxcvbn-ts/language-common'
import { dictionary as english } from '@zxcvbn-ts/language-en'

/** Its cost grows with the square of the length, so it is asked of the beginning alone. */
const mostUnits = 100
/** Its default of 100 takes up to half a second of CPU for 100 characters; with 10 it is some 50 ms, and the scores are the same. */
const l33tMaxSubstitutions = 10

const zxcvbn = new ZxcvbnFactory({ l33tMaxSubstitutions, dictionary: { ...common, ...english }, graphs: adjacencyGraphs })

/** How hard a password is to guess for who knows the words: 0 to 4, by zxcvbn (Wheeler, USENIX Security 2016). @param words what a stranger knows of its owner */
export const strengthOf = (password: string, words: readonly string[]): number =>
  zxcvbn.check(password.slice(0, mostUnits), [...words]).score
