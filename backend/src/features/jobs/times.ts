/** In milliseconds. */
export interface JobTimes {
  /** A worker that has not said for so long that it goes on with a job has died: longer than a step. */
  readonly leaseMs: number
  /** How long one step of a job may take. */
  readonly stepMs: number
  /** How often a worker looks for what others have left. */
  readonly lookEveryMs: number
  /** Before the second attempt; twice as long before each further one. */
  readonly pauseMs: number
  readonly mostPauseMs: number
}

export const defaultJobTimes: JobTimes = { leaseMs: 60_000, stepMs: 40_000, lookEveryMs: 5000, pauseMs: 2000, mostPauseMs: 3_600_000 }
