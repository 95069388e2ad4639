import { z } from 'zod'
import type { JobDocument } from '../jobs/index.js'

/** What an export's job has made: the parts of one attempt. */
const ExportState = z.object({ attempt: z.int(), size: z.int() })
export type ExportState = z.infer<typeof ExportState>

/** Undefined before there is anything. */
export const stateOf = ({ state }: Pick<JobDocument, 'state'>): ExportState | undefined =>
  state === null ? undefined : ExportState.parse(state)
