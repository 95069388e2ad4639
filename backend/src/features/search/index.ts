export { searchMessages } from './routes.js'
export { SearchService } from './service.js'
