/** Something that is tidied up now and then, in batches. */
export interface Job {
  /** For the log. */
  readonly name: string
  /**
   * @param goOn asked before each batch: false where this worker is to stop, or another one has taken over
   * @returns how much was tidied up
   */
  run(goOn: () => Promise<boolean>): Promise<number>
}

export const batchSize = 1000
/** More is left for the next hour. */
export const mostBatches = 50
