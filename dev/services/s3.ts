import { composedS3 } from './s3/compose.js'
import { cephFromDebian } from './s3/debian.js'
import { givenS3Endpoint } from './s3/given-endpoint.js'
import { installedCeph } from './s3/installed.js'
import { obtain, type Running, type Setting, type Way } from './service.js'

/** How an S3 is reached; buckets are addressed by path. */
export interface S3Access {
  readonly endpoint: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

export interface RunningS3 extends Running {
  readonly access: S3Access
}

/** The ways to an S3, best first. */
const s3Ways: readonly Way<RunningS3>[] = [givenS3Endpoint, installedCeph, cephFromDebian, composedS3()]

/**
 * Finds an S3, or starts one that keeps nothing.
 * @throws NoWayError where there is none to be had
 */
export const obtainS3 = (setting: Setting): Promise<RunningS3> => obtain('S3', s3Ways, setting)
