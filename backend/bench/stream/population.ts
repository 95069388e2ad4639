/** Who there is: each user with so many sessions, each conversation with so many members. Users are a multiple of the members. */
export interface Population {
  readonly users: number
  readonly sessionsEach: number
  readonly conversations: number
  readonly membersEach: number
}

/**
 * The members of a conversation, as indexes of users. All users are dealt out again and again, each time in another order, so that
 * people share one conversation and not all of them.
 */
export const membersOf = ({ users, membersEach }: Population, conversation: number): number[] => {
  const first = conversation * membersEach
  const stride = strideOf(Math.floor(first / users), users)
  return Array.from({ length: membersEach }, (_, n) => (((first + n) % users) * stride) % users)
}

/** The conversations of each user. */
export const membershipsOf = (population: Population): Map<number, number[]> => {
  const all = new Map<number, number[]>()
  for (let conversation = 0; conversation < population.conversations; conversation++) {
    for (const user of membersOf(population, conversation)) all.set(user, [...(all.get(user) ?? []), conversation])
  }
  return all
}

/** The nth number without a divisor in common with `of`: multiplied by it, every user comes up once. */
const strideOf = (n: number, of: number): number => {
  let stride = 1
  for (let left = n; left > 0; ) {
    stride += 1
    if (greatestCommonDivisor(stride, of) === 1) left -= 1
  }
  return stride
}

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b))
