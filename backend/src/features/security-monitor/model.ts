import { Schema } from 'mongoose'

/** That somebody was alarmed of something, and when: one document for each kind and key. */
export interface SecurityAlertDocument {
  /** `failed_logins:192.0.2.7` */
  _id: string
  at: Date
}

export const securityAlertSchema = new Schema<SecurityAlertDocument>(
  { _id: { type: String, required: true }, at: { type: Date, required: true } },
  { collection: 'security_alerts', versionKey: false },
)
const keptSeconds = 86_400
securityAlertSchema.index({ at: 1 }, { name: 'at', expireAfterSeconds: keptSeconds })
