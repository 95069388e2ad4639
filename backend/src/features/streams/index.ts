export { openStream } from './routes.js'
export { StreamService } from './service.js'
