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
  const broken = new AbortController()
  const counted = exactLength(target.ContentLength)
  const filled = pipeline(body, counted)
  filled.catch(() => broken.abort())
  try {
    await calls.send({ what, deadlineMs, signal: broken.signal }, new PutObjectCommand({ ...target, Body: counted }))
  } catch (error) {
    const isOurs = broken.signal.aborted
    counted.destroy()
    if (isOurs) await filled // its error says why
    throw error
  }
}
