import type { Express, RequestHandler, Response } from 'express'
import QRCode from 'qrcode'
import type { Config } from '../../config.js'
import { Problem } from '../../http/problem.js'
import { appleAppSiteAssociation, assetLinks } from './app-links.js'
import { escapeHtml, fillPage, readPage } from './page-files.js'

/** Nothing but what the page itself brings: no script within it, no frame around it. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const send = (response: Response, type: string, content: string): void => {
  response.setHeader('Content-Security-Policy', policy)
  response.setHeader('Cache-Control', 'no-cache')
  response.type(type).send(content)
}

const serve =
  (type: string, content: string | undefined): RequestHandler =>
  (_request, response) => {
    if (content === undefined) throw new Problem('not_found')
    send(response, type, content)
  }

const json = (document: object | undefined): string | undefined => document && JSON.stringify(document)

/** The page that a QR code leads to who scans it without the app, and the files by which phones open the app in its place. @param before what runs before each */
export const mountQrPage = (app: Express, { appName, qrPage }: Pick<Config, 'appName' | 'qrPage'>, before: RequestHandler): void => {
  const stores = [
    [qrPage.appStoreUrl, 'App Store'],
    [qrPage.playStoreUrl, 'Google Play'],
  ] as const
  const links = stores.flatMap(([url, name]) => (url === undefined ? [] : [`<a href="${escapeHtml(url)}">${name}</a>`]))
  const page = fillPage('qr-landing.html', {
    appName: escapeHtml(appName),
    scheme: escapeHtml(qrPage.appScheme ?? ''),
    stores: links.join(' · '),
  })
  app.get('/qr', before, serve('html', page))
  app.get('/qr/page.css', before, serve('css', readPage('qr.css')))
  app.get('/qr/page.js', before, serve('js', readPage('qr-landing.js')))
  const path = new URL(qrPage.url).pathname
  app.get('/.well-known/apple-app-site-association', before, serve('json', json(appleAppSiteAssociation(qrPage, path))))
  app.get('/.well-known/assetlinks.json', before, serve('json', json(assetLinks(qrPage))))
}

const token = /^[\w-]{20,100}$/

/** A page that signs in by a QR code, to try it. For development. */
export const mountQrDemo = (app: Express, { appName, qrPage }: Pick<Config, 'appName' | 'qrPage'>): void => {
  app.get('/qr-demo', serve('html', fillPage('qr-demo.html', { appName: escapeHtml(appName) })))
  app.get('/qr-demo/page.js', serve('js', readPage('qr-demo.js')))
  app.get('/qr-demo/picture.svg', async (request, response) => {
    const { token: given } = request.query
    if (typeof given !== 'string' || !token.test(given)) throw new Problem('validation_failed', 'No token of a QR sign-in')
    send(response, 'svg', await QRCode.toString(`${qrPage.url}#${given}`, { type: 'svg' }))
  })
}
