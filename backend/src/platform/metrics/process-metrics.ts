import { totalmem } from 'node:os'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { measuredGauge } from './measured.js'

let processRegistry: Registry | undefined

/**
 * What is known of this process: memory, CPU, garbage collection, how late the event loop is. Of the process, so there is one however many
 * servers it has; measured from the first time that somebody asks.
 */
export const processMetrics = (): Registry => {
  if (processRegistry) return processRegistry
  processRegistry = new Registry()
  collectDefaultMetrics({ register: processRegistry })
  const limitBytes = Math.min(process.constrainedMemory() || totalmem(), totalmem())
  const about = {
    name: 'process_memory_limit_bytes',
    help: 'What the process may use: its control group’s limit, else the memory of the machine',
  }
  measuredGauge(processRegistry, about, () => limitBytes)
  return processRegistry
}
