export { getLocalFile, putLocalFile, putLocalPart } from './routes.js'
