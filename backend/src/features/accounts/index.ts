export { PasswordPolicy } from './password-policy.js'
export { Passwords } from './passwords.js'
export { login, refresh, register } from './routes.js'
export { AccountService } from './service.js'
