import { HttpSmsSender, type HttpSmsSettings } from './http-sms.js'
import type { SmsSender } from './sms-sender.js'
import { type SnsSettings, SnsSmsSender } from './sns-sms.js'

export type SmsSettings = HttpSmsSettings | SnsSettings

/** The sender of the provider that was chosen. */
export const createSms = (settings: SmsSettings): SmsSender & { close(): Promise<void> } =>
  settings.provider === 'http' ? new HttpSmsSender(settings) : new SnsSmsSender(settings)
