const mostGraphemes = 200
/** A grapheme may be of any length; an emoji of many parts has a dozen code units. */
const mostUnits = 20 * mostGraphemes
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })
/** One code unit each, that nothing after them but what is no such character joins. */
const plainBeginning = new RegExp(`^[\\x20-\\x7e]{${mostGraphemes + 1}}`)

/** The first 200 characters of a text, none of them cut; fewer where they are very long. */
export const excerptOf = (text: string): string => {
  if (text.length <= mostGraphemes) return text
  if (plainBeginning.test(text)) return text.slice(0, mostGraphemes)
  let [count, end] = [0, 0]
  for (const { segment } of graphemes.segment(text)) {
    if (count === mostGraphemes || end + segment.length > mostUnits) break
    count += 1
    end += segment.length
  }
  return text.slice(0, end)
}
