export { companyOf } from './company.js'
