export { type ApiKeyDocument, apiKeySchema } from './model.js'
export { createApiKey, exchangeApiKey, listApiKeys, revokeApiKey } from './routes.js'
export { ApiKeyService } from './service.js'
export { apiKeySource } from './told.js'
