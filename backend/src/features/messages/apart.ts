import { Problem } from '../../http/problem.js'

/** One of the two of a direct conversation has blocked the other: which of them is not said. */
export const apart = (): Problem => new Problem('forbidden', 'Nothing can be written in this conversation any more')
