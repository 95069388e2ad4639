import { Counter, Histogram, type Registry } from 'prom-client'
import { measuredCounter, measuredGauge } from '../platform/metrics/measured.js'
import type { Hub } from './hub.js'
import { PublishLatency } from './publish-latency.js'
import type { Verdict } from './resume.js'

export const publishLatency = (registry: Registry): PublishLatency => {
  const durations = new Histogram({
    name: 'event_publish_to_socket_seconds',
    help: 'From when a change was committed until the streams of the worker that did it were written the event; at most 20 a second are measured',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  })
  return new PublishLatency((seconds) => durations.observe(seconds))
}

/** What a worker's streams do. */
export const measureStreams = (registry: Registry, hub: Pick<Hub, 'streamCount' | 'eventsDelivered' | 'slowDisconnects'>): void => {
  measuredGauge(registry, { name: 'sse_streams', help: 'Event streams that are open' }, () => hub.streamCount)
  measuredCounter(
    registry,
    { name: 'sse_events_delivered_total', help: 'Events written to streams, one for each stream' },
    () => hub.eventsDelivered,
  )
  measuredCounter(
    registry,
    { name: 'sse_slow_disconnects_total', help: 'Streams that were cut because their clients did not take what they were told' },
    () => hub.slowDisconnects,
  )
}

/** Counts what becomes of the positions that clients come back with. */
export const countVerdicts = (registry: Registry): ((verdict: Verdict) => void) => {
  const verdicts = new Counter({
    name: 'sse_resume_total',
    help: 'Streams that were opened, by what became of the position that the client came with',
    labelNames: ['verdict'],
    registers: [registry],
  })
  for (const verdict of ['live', 'exact', 'partial', 'reset'] satisfies Verdict[]) verdicts.inc({ verdict }, 0)
  return (verdict) => verdicts.inc({ verdict })
}
