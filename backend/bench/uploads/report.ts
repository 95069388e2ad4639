import type { z } from 'zod'
import { report } from '../results.js'
import { median, quantile, rounded } from '../statistics.js'
import type { Presigned } from './contract.js'

export const messagesPerSecond = 50
/** Fifty people on lines of 8 Mbit/s. */
export const crowd = { people: 50, mebibytesEach: 4, mebibytesPerSecond: 1, times: 3 }
export const bigMebibytes = 1024
const goals = { growthMebibytes: 20, p99Times: 2, presignMicroseconds: 1000 }

export interface Measured {
  readonly presigned: z.infer<typeof Presigned>
  readonly growthMebibytes: number
  readonly seconds: number
  /** The latencies of messages in milliseconds, by round. */
  readonly quiet: readonly number[][]
  readonly busy: readonly number[][]
}

/** Prints what was measured, and keeps it. */
export const tell = ({ presigned, growthMebibytes, seconds, quiet, busy }: Measured): void => {
  const p99 = (all: readonly number[][]) => rounded(median(all.map((latencies) => quantile(latencies, 0.99))))
  const p50 = (all: readonly number[][]) => rounded(median(all.map((latencies) => quantile(latencies, 0.5))))
  const times = rounded(p99(busy) / p99(quiet))
  const growth = rounded(growthMebibytes)
  const perSecond = rounded(bigMebibytes / seconds)
  const [folder, s3] = [rounded(presigned.folder), rounded(presigned.s3)]
  const verdict = (goal: number, isReached: boolean) => `(goal ${goal}: ${isReached ? 'reached' : 'MISSED'})`
  const isSigned = Math.max(folder, s3) < goals.presignMicroseconds
  report('uploads', {
    rows: [
      ['messages', 'p50 ms', 'p99 ms'],
      ['alone', String(p50(quiet)), String(p99(quiet))],
      [`with ${crowd.people} uploads at once, ${crowd.mebibytesPerSecond} MiB/s each`, String(p50(busy)), String(p99(busy))],
    ],
    summary: [
      `p99 of messages ${times}x with uploads ${verdict(goals.p99Times, times <= goals.p99Times)}`,
      `${bigMebibytes} MiB: the worker grew by ${growth} MiB ${verdict(goals.growthMebibytes, growth < goals.growthMebibytes)}, ${perSecond} MiB/s`,
      `a signed PUT to the folder ${folder} us, to S3 ${s3} us ${verdict(goals.presignMicroseconds, isSigned)}`,
    ].join('; '),
    figures: {
      presignMicroseconds: { folder, s3 },
      big: { mebibytes: bigMebibytes, growthMebibytes: growth, mebibytesPerSecond: perSecond },
      messages: {
        perSecond: messagesPerSecond,
        quiet: { p50Ms: p50(quiet), p99Ms: p99(quiet) },
        busy: { p50Ms: p50(busy), p99Ms: p99(busy) },
        times,
      },
      crowd,
      p99MsByRound: {
        quiet: quiet.map((one) => rounded(quantile(one, 0.99))),
        busy: busy.map((one) => rounded(quantile(one, 0.99))),
      },
    },
  })
}
