import { z } from 'zod'
import { listOf, url } from '../values.js'
import { type Variable, variable } from '../variable.js'

const appScheme = z
  .string()
  .regex(/^[a-z][a-z0-9+.-]*$/, 'a scheme such as heliograph')
  .refine((scheme) => !/^(https?|javascript|data|file|blob|vbscript|about)$/.test(scheme), 'not a scheme of an app')

export const appsVariables = {
  QR_URL: variable(
    'Apps',
    'The page that a sign-in QR code leads to, where it is not API_URL/qr; the token comes behind its #',
    'https://chat.example.com/qr',
    url(/^https?:\/\/[^\s#?]+$/, 'https://chat.example.com/qr').optional(),
  ),
  APP_SCHEME: variable('Apps', 'The page opens the app by links of this scheme', 'heliograph', appScheme.optional()),
  APP_STORE_URL: variable(
    'Apps',
    'Where the page offers the app for iOS',
    'https://apps.apple.com/app/id1234567890',
    url(/^https:\/\/\S+$/, 'https://apps.apple.com/app/id1234567890').optional(),
  ),
  PLAY_STORE_URL: variable(
    'Apps',
    'Where the page offers the app for Android',
    'https://play.google.com/store/apps/details?id=com.example.chat',
    url(/^https:\/\/\S+$/, 'https://play.google.com/store/apps/details?id=com.example.chat').optional(),
  ),
  APPLE_APP_IDS: variable(
    'Apps',
    'Team and bundle ids of apps that iOS opens in place of the page, separated by commas',
    'ABCDE12345.com.example.chat',
    listOf(/^[A-Z0-9]{10}\.[\w.-]+$/, 'ids such as ABCDE12345.com.example.chat, separated by commas'),
  ),
  ANDROID_PACKAGE: variable(
    'Apps',
    'The app that Android opens in place of the page',
    'com.example.chat',
    z
      .string()
      .regex(/^[a-z]\w*(\.[a-z]\w*)+$/i, 'a package such as com.example.chat')
      .optional(),
  ),
  ANDROID_CERT_FINGERPRINTS: variable(
    'Apps',
    'SHA-256 of the certificates that it is signed with, separated by commas',
    Array.from({ length: 32 }, () => 'AB').join(':'),
    listOf(/^[0-9A-F]{2}(:[0-9A-F]{2}){31}$/, 'SHA-256 fingerprints such as AB:CD:…, 32 bytes each, separated by commas'),
  ),
} satisfies Record<string, Variable>
