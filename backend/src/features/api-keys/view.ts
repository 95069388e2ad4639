import type { ApiKeyDocument } from './model.js'
import type { ApiKeyView } from './schema.js'

export const viewApiKey = (key: ApiKeyDocument): ApiKeyView => ({
  id: key._id.toHexString(),
  name: key.name,
  prefix: key.prefix,
  scopes: [...key.scopes],
  createdBy: key.createdBy.toHexString(),
  createdAt: key.createdAt.toISOString(),
  expiresAt: key.expiresAt.toISOString(),
  lastUsedAt: key.lastUsedAt?.toISOString() ?? null,
  revokedAt: key.revokedAt?.toISOString() ?? null,
})
