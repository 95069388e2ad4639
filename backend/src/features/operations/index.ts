export { getHealth, getLiveness, getReadiness, getReady } from './routes.js'
export { OperationsService } from './service.js'
