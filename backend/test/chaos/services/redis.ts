import type { RedisNode } from './redis-node.js'

/** What the workers have for a Redis, and what can be done to it. */
export interface RedisTopology {
  readonly kind: 'single' | 'sentinel'
  /** The variables for the worker of this number. */
  environmentFor(worker: number): Record<string, string>
  /** The server that workers use now. */
  master(): Promise<RedisNode>
  /** Between one worker and the master that it uses now. */
  linkOf(worker: number): Promise<{ cut(): void; silence(): void; restore(): void }>
  /** Resolves when all is as at the start, whichever server is the master. */
  healed(): Promise<void>
  stop(): Promise<void>
}
