import type { ChallengeState } from './challenge-stream.js'
import type { Challenge } from './challenges.js'
import type { ChallengeDocument } from './model.js'
import type { ScannedQrView } from './schema.js'

/** What the phone shows its person, who decides by it. */
export const viewScanned = ({ _id, device, origin, choices }: ChallengeDocument, place: string): ScannedQrView => ({
  id: _id.toHexString(),
  device,
  ip: origin.ip,
  place,
  choices: [...choices],
})

/** What the browser's stream tells. */
export const stateOf = ({ now, scanner }: Challenge): ChallengeState => ({ status: now, ...(scanner && { name: scanner.name }) })
