import { messageOf } from './deployment.js'

export interface StepResult {
  readonly name: string
  /** What needs what was not had is not tried. */
  readonly result: 'ok' | 'failed' | 'not tried'
  readonly milliseconds: number
  /** Why it failed. */
  readonly why?: string
}

type Had<Needs extends readonly unknown[]> = { readonly [K in keyof Needs]: Exclude<Needs[K], undefined> }

const hasAll = <Needs extends readonly unknown[]>(needs: Needs): needs is Needs & Had<Needs> => needs.every((need) => need !== undefined)

/** Goes step by step, and tells of each when it is done. */
export class Steps {
  readonly results: StepResult[] = []
  readonly #tell: (step: StepResult) => void

  constructor(tell: (step: StepResult) => void) {
    this.#tell = tell
  }

  /** @returns what the step gave; undefined where it failed, or where something that it needs is undefined */
  async take<const Needs extends readonly unknown[], T>(
    name: string,
    needs: Needs,
    work: (had: Had<Needs>) => Promise<T>,
  ): Promise<T | undefined> {
    const begun = performance.now()
    const done = (step: Pick<StepResult, 'result' | 'why'>) => {
      const result = { name, milliseconds: Math.round(performance.now() - begun), ...step }
      this.results.push(result)
      this.#tell(result)
    }
    if (!hasAll(needs)) {
      done({ result: 'not tried' })
      return undefined
    }
    try {
      const given = await work(needs)
      done({ result: 'ok' })
      return given
    } catch (error) {
      done({ result: 'failed', why: messageOf(error) })
      return undefined
    }
  }
}
