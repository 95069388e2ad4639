export { mailOutlet } from './mail.js'
export { type SecurityAlertDocument, securityAlertSchema } from './model.js'
export { SecurityMonitor } from './monitor.js'
export { webhookOutlet } from './webhook.js'
