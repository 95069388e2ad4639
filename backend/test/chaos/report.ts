import { table } from '../../../dev/table.js'
import type { Violation } from './findings.js'
import type { SeedResult } from './run-seed.js'

/** Of each kind. */
const mostShown = 2
const mostLines = 70

const clock = (at: number): string => new Date(at).toISOString().slice(11, 23)

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)

/** A run in a few lines. */
export const summaryOf = ({ seed, faults, ledger, findings, people, settledAfterMs, seconds, outcomes }: SeedResult): string => {
  const devices = people.flatMap((person) => person.devices)
  const verdicts = (['live', 'exact', 'partial', 'reset'] as const).map(
    (verdict) => `${sum(devices.map((device) => device.verdicts[verdict]))} ${verdict}`,
  )
  const odd = [...outcomes]
    .filter(([outcome]) => !/^(?:20\d|503)$/.test(outcome))
    .map(([outcome, count]) => `${count} × ${outcome.slice(0, 200)}`)
  return [
    `seed ${seed}: ${findings.violations.length === 0 ? 'every promise kept' : `${findings.violations.length} VIOLATIONS`}`,
    `  ${ledger.acknowledged} messages acknowledged, ${sum(devices.map(({ journal }) => journal.told.length))} events told to ${devices.length} clients; resumed: ${verdicts.join(', ')}`,
    `  settled ${(settledAfterMs / 1000).toFixed(1)} s after the load, ${seconds.toFixed(0)} s in all`,
    ...faults.map(({ name, detail, from, to }) => `  ${clock(from)} to ${clock(to)} ${name}: ${detail}`),
    ...(odd.length > 0 ? [`  other outcomes of requests: ${odd.join(', ')}`] : []),
  ].join('\n')
}

/** What is needed to find out why promises were broken: how often each, and of some the history of the message and of the client. */
export const detailsOf = (result: SeedResult): string => {
  const { violations } = result.findings
  const lines: string[] = []
  for (const kind of new Set(violations.map((violation) => violation.kind))) {
    const own = violations.filter((violation) => violation.kind === kind)
    lines.push(`${kind}: ${own.length} times`)
    for (const violation of own.slice(0, mostShown)) lines.push(storyOf(result, violation))
  }
  return [...lines, ...result.evidence].join('\n')
}

const storyOf = ({ ledger, people, faults }: SeedResult, { kind, what, device, conversationId, message }: Violation): string => {
  const lines: { at: number; line: string }[] = faults.flatMap(({ name, detail, from, to }) => [
    { at: from, line: `fault: ${name}, ${detail}` },
    { at: to, line: `put right: ${name}` },
  ])
  const sent = message === undefined ? undefined : ledger.messages.get(message)
  for (const { text, write } of sent?.contents ?? []) {
    const name = text === null ? 'deleted' : 'written'
    for (const [n, { at, origin, outcome }] of write.attempts.entries()) {
      const isShown = n === 0 || n === write.attempts.length - 1 || outcome !== '503'
      if (isShown) lines.push({ at, line: `message: to be ${name}, attempt ${n + 1} at ${origin}: ${outcome}` })
    }
    if (write.ackedAt !== undefined) lines.push({ at: write.ackedAt, line: `message: ${name}, acknowledged as seq ${sent?.seq}` })
  }
  const client = people.flatMap((person) => person.devices).find(({ name }) => name === device)
  for (const { at, line } of client?.journal.lines ?? []) lines.push({ at, line: `client: ${line}` })
  const told = client?.journal.told.filter((one) => one.conversationId === conversationId) ?? []
  for (const { at, type, seq, version } of told) lines.push({ at, line: `client: ${type} seq ${seq} version ${version}` })
  const { startedAt, ackedAt } = sent?.contents[0]?.write ?? {}
  const around = nearest(
    lines,
    [startedAt, ackedAt].filter((moment) => moment !== undefined),
  )
  return [`${kind}: ${what}`, ...around.map(({ at, line }) => `    ${clock(at)} ${line}`)].join('\n')
}

/** The lines closest in time to some moments, in the order of time; the last ones where there are no moments. */
const nearest = (lines: readonly { at: number; line: string }[], moments: readonly number[]): { at: number; line: string }[] => {
  const away = (at: number): number => Math.min(...moments.map((moment) => Math.abs(at - moment)))
  const closest = moments.length === 0 ? lines.toSorted((a, b) => b.at - a.at) : lines.toSorted((a, b) => away(a.at) - away(b.at))
  return closest.slice(0, mostLines).toSorted((a, b) => a.at - b.at)
}

/** By kind of fault: in how many runs it struck, and in how many of these a promise was broken. */
export const tableOf = (results: readonly SeedResult[]): string => {
  const names = [...new Set(results.flatMap(({ faults }) => faults.map(({ name }) => name)))].toSorted()
  const rows = names.map((name) => {
    const struck = results.filter(({ faults }) => faults.some((fault) => fault.name === name))
    const times = sum(struck.map(({ faults }) => faults.filter((fault) => fault.name === name).length))
    const broken = struck.filter(({ findings }) => findings.violations.length > 0)
    return [name, String(times), String(struck.length), broken.map(({ seed }) => seed).join(' ') || '-']
  })
  return table([['fault', 'times', 'in runs', 'seeds with violations'], ...rows])
}
