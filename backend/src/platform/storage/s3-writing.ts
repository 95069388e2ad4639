import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { exactLength } from './exact-length.js'
import type { S3Calls } from './s3-calls.js'

interface Target {
  readonly Bucket: string
  readonly Key: string
  readonly ContentType: string
  readonly ContentLength: number
}

const what = 'writing an object'

/** @throws Error where the bytes are not as many as was said */
export const writeBytes = async (calls: S3Calls, target: Target, body: Buffer, deadlineMs: number): Promise<void> => {
  if (body.length !== target.ContentLength) throw new Error(`${body.length} bytes instead of the ${target.ContentLength} that were said`)
  await calls.send({ what, deadlineMs }, new PutObjectCommand({ ...target, Body: body }))
}

/** S3 stores nothing where the call ends before all bytes have come. @throws as `writeBytes`, and what the stream fails with */
export const writeStream = async (calls: S3Calls, target: Target, body: Readable, deadlineMs: number): Promise<void> => {
  await sendingStream(target.ContentLength, body, (counted, signal) =>
    calls.send({ what, deadlineMs, signal }, new PutObjectCommand({ ...target, Body: counted })),
  )
}

/** Sends a stream of so many bytes. @param send makes the call; the signal fires where the stream fails. @throws as `writeStream` */
export const sendingStream = async <T>(
  size: number,
  body: Readable,
  send: (counted: Readable, signal: AbortSignal) => Promise<T>,
): Promise<T> => {
  const broken = new AbortController()
  const counted = exactLength(size)
  const filled = pipeline(body, counted)
  filled.catch(() => broken.abort())
  try {
    return await send(counted, broken.signal)
  } catch (error) {
    const isOurs = broken.signal.aborted
    counted.destroy()
    if (isOurs) await filled // its error says why
    throw error
  }
}
