/** What tells the direct conversation of two people, whoever asks. */
export const directKeyOf = (one: string, other: string): string => [one, other].toSorted().join(':')
