/**
 * What nobody sees, and marks that several scripts share: accents, mostly (Unicode 16, UAX 24). Those that make another sound of a Japanese
 * syllable stay.
 */
const accentsAndUnseen = /(?![\u3099\u309a])[\p{Script=Inherited}\p{Default_Ignorable_Code_Point}]/gu

/** Text as it is looked for: without case, accents and what nobody sees. Upper case, since lower case depends on the place in a word (Σ). */
const fold = (text: string): string => text.normalize('NFKD').replaceAll(accentsAndUnseen, '').toUpperCase()

/** A letter of a script that puts no space between words. */
const sign =
  '(?=[\\p{L}\\p{Nl}])[\\p{scx=Han}\\p{scx=Hiragana}\\p{scx=Katakana}\\p{scx=Thai}\\p{scx=Lao}\\p{scx=Khmer}\\p{scx=Myanmar}]\\p{M}*'
const picture = '\\p{RI}{2}|\\p{Extended_Pictographic}'
/** What is longer counts as several words. */
const mostLettersOfWord = 40
const runs = new RegExp(`(?<signs>(?:${sign})+)|(?<picture>${picture})|(?:(?!${sign})[\\p{L}\\p{N}\\p{M}]){1,${mostLettersOfWord}}`, 'gu')
const signs = new RegExp(sign, 'gu')

/** A longer text is found by its first words. */
const mostWords = 256

/** What is written in one go: a word, a picture, or the signs of a script without spaces. */
export type Run = readonly string[]

/** The runs of a text, folded, as many as somebody takes. */
export function* runsOf(text: string): Generator<Run> {
  for (const match of fold(text).matchAll(runs)) {
    const [run] = match
    if (match.groups?.['signs'] !== undefined) yield [...run.matchAll(signs)].map(([each]) => each)
    else yield [run]
  }
}

const single = /^[\p{L}\p{N}\p{M}]$/u
const oneSign = new RegExp(`^(?:${sign})$`, 'u')

/** Whether a piece is a sign of a script without spaces. */
export const isSign = (piece: string): boolean => oneSign.test(piece)

/** Whether it is worth finding by itself: a single letter or digit is not, a single sign or picture is. */
export const isFindable = (word: string): boolean => !single.test(word) || isSign(word)

/** Signs go in pairs, so that any two that are beside each other are found; the last one alone, so that each is the beginning of something. */
const wordsOfRun = (run: Run): string[] => run.map((piece, n) => piece + (run[n + 1] ?? ''))

/** The different words by which a message is found, 256 at most; undefined where there is none. */
export const wordsOf = (text: string | null): string[] | undefined => {
  const words = new Set<string>()
  for (const run of text === null ? [] : runsOf(text)) {
    for (const word of wordsOfRun(run)) if (isFindable(word)) words.add(word)
    if (words.size >= mostWords) break
  }
  return words.size === 0 ? undefined : [...words].slice(0, mostWords)
}

/** Words of every text that has this run, whatever comes after it; see `wordsOf`. A single piece stands for itself. */
export const pairsOf = (run: Run): string[] => (run.length === 1 ? [...run] : wordsOfRun(run).slice(0, -1))
