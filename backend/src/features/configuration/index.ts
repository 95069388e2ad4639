export { getConfig } from './routes.js'
