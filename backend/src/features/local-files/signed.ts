import type { Request, Response } from 'express'
import type { Context } from '../../context.js'
import { Problem } from '../../http/problem.js'
import type { LocalGate } from '../../platform/storage/local-gate.js'
import type { Signable } from '../../platform/storage/local-signer.js'
import { LocalStorage } from '../../platform/storage/local-storage.js'

/**
 * What holders of signed URLs come through. Who shows a wrong signature is a stranger, and counts as one.
 * @throws Problem not_found where files are kept elsewhere; forbidden where this was not signed, or has expired
 */
export const gateFor = async (
  what: Signable,
  signature: string,
  call: { context: Context; request: Request; response: Response },
): Promise<LocalGate> => {
  const { context, request, response } = call
  if (!(context.storage instanceof LocalStorage)) throw new Problem('not_found')
  const { gate } = context.storage
  if (!gate.isSigned(what, signature)) {
    await context.limits.count('anonymous', request, response, undefined)
    throw new Problem('forbidden', 'The signature is not for this request: address, method and Content-Type have to be as they were given')
  }
  if (what.expires * 1000 <= Date.now()) throw new Problem('forbidden', 'The address has expired: ask for a new one')
  return gate
}
