import { Closing } from '../../../dev/start/closing.js'
import { report } from '../results.js'
import { openBench } from './bench.js'
import { measureDelivery } from './delivery.js'
import { measureIdle } from './idle.js'
import { measureReconnect } from './reconnect.js'
import { deliveries, idles, reconnect } from './scenarios.js'
import { deliveryHeading, tellDelivery, tellIdle, tellReconnect } from './tell.js'

const names = [...deliveries.map(({ name }) => name), 'idle', 'reconnect']

/** `npm run bench -- stream [scenario...]`: what it costs to tell many clients, and to keep them. @throws Error where a scenario has no such name */
export const benchStream = async (chosen: readonly string[]): Promise<void> => {
  const unknown = chosen.find((name) => !names.includes(name))
  if (unknown !== undefined) throw new Error(`There is no scenario ${unknown}; there are: ${names.join(', ')}`)
  const wanted = (name: string) => chosen.length === 0 || chosen.includes(name)
  const closing = new Closing()
  try {
    const bench = await openBench(closing)
    const told = []
    for (const delivery of deliveries) if (wanted(delivery.name)) told.push(tellDelivery(delivery, await measureDelivery(bench, delivery)))
    if (wanted('idle')) for (const idle of idles) told.push(tellIdle(idle, await measureIdle(bench, idle)))
    if (wanted('reconnect')) told.push(tellReconnect(reconnect, await measureReconnect(bench, reconnect)))
    report(['stream', ...chosen].join('-'), {
      rows: [deliveryHeading, ...told.flatMap(({ rows }) => rows)],
      summary: told.flatMap(({ lines }) => lines).join('\n'),
      figures: { services: bench.about, scenarios: told.map(({ figures }) => figures) },
    })
    if (told.some(({ broken }) => broken)) throw new Error('Heliograph lost, repeated or disordered events')
  } finally {
    await closing.close()
  }
}
