export { Closing } from './closing.js'
export { accountDeletionJob } from './job.js'
export { deleteMe } from './routes.js'
export { AccountDeletion } from './service.js'
