const accentsAndUnseen = /[\p{Script=Inherited}\p{Default_Ignorable_Code_Point}]/gu

/**
 * A name as it is looked for: without case, accents and what nobody sees. Upper case, since lower case depends on the place in a word (Σ). Marks that
 * belong to one script, such as the vowels of Devanagari, stay (Unicode 16, UAX 24: Inherited are those that several scripts share).
 */
export const foldName = (name: string): string =>
  name.normalize('NFKD').replaceAll(accentsAndUnseen, '').toUpperCase().replaceAll(/\s+/g, ' ').trim()
