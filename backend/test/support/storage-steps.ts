import type { Storage } from '../../src/platform/storage/storage.js'

export type StorageStep = keyof Storage

/**
 * Lets something happen right before the next call of a step of the storage, once; the call itself goes on.
 * @returns whether the step was reached
 */
export const before = (storage: Storage, step: StorageStep, happen: () => unknown): (() => boolean) => {
  const call = Reflect.get(storage, step) as (...parameters: unknown[]) => unknown
  let reached = false
  Object.defineProperty(storage, step, {
    configurable: true,
    async value(...parameters: unknown[]): Promise<unknown> {
      Reflect.deleteProperty(storage, step)
      reached = true
      await happen()
      return call.apply(storage, parameters)
    },
  })
  return () => reached
}
