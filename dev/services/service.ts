/** What a way to get a service may use. */
export interface Setting {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Where a started server keeps its files: the service makes a folder of its own in it. */
  readonly dataFolder: string
  /** Whether the data is to outlive the server; without, a server is faster and a crash may lose what it holds. */
  readonly durable: boolean
  readonly progress: (line: string) => void
}

/** A server that answers. Stopping one that was found running does nothing. */
export interface Running {
  readonly url: string
  /** What it is and where it came from, in a few words. */
  readonly description: string
  stop(): Promise<void>
}

interface Usable<R extends Running = Running> {
  readonly usable: true
  /** @throws where the server did not come up, with what it said */
  start(): Promise<R>
}

interface Unusable {
  readonly usable: false
  readonly reason: string
}

/** One way to get a service. */
export interface Way<R extends Running = Running> {
  readonly name: string
  /** What a person can type to make this way work. */
  readonly remedy: string
  /**
   * Looks whether this way is open here; changes nothing.
   * @throws where the way was asked for by name (an environment variable) and is not open: no other way may stand in for it
   */
  find(setting: Setting): Promise<Usable<R> | Unusable>
}

/** None of the ways led to the service; the message names each, why it failed, and what to type. */
export class NoWayError extends Error {}

const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

/**
 * Gets a service by the first of the ways that works.
 * @throws NoWayError where none does; the error of a way that was asked for by name
 */
export const obtain = async <R extends Running>(service: string, ways: readonly Way<R>[], setting: Setting): Promise<R> => {
  const tried: string[] = []
  for (const way of ways) {
    const found = await way.find(setting)
    let reason: string
    if (found.usable) {
      try {
        return await found.start()
      } catch (error) {
        reason = reasonOf(error)
        setting.progress(`${service}: ${way.name} failed: ${reason}`)
      }
    } else {
      reason = found.reason
    }
    tried.push(`  - ${way.name}: ${reason}\n    ${way.remedy}`)
  }
  throw new NoWayError(`${service} is needed, and none of the ways to get it works here:\n${tried.join('\n')}`)
}
