export { checkConversation } from './routes.js'
export { ConsistencyService } from './service.js'
export { Stored } from './stored.js'
export { viewCheck } from './view.js'
