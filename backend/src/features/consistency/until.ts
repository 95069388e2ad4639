import { Problem } from '../../http/problem.js'

export interface Deadline {
  /** @throws Problem service_unavailable where none is left */
  leftMs(): number
}

export const until = (milliseconds: number): Deadline => {
  const endsAt = performance.now() + milliseconds
  return {
    leftMs() {
      const left = Math.ceil(endsAt - performance.now())
      if (left > 0) return left
      throw new Problem(
        'service_unavailable',
        'The check took too long; an operator checks by npm run admin -- check, which may take longer',
      )
    },
  }
}
