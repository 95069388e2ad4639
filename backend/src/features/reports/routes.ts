import { endpoint } from '../../http/endpoint.js'
import { ListReports, MadeReport, MakeReport, ReportPage, ReportParams, ReportView, ResolveReport } from './schema.js'
import { viewReport } from './view.js'

export const makeReport = endpoint({
  method: 'post',
  path: '/reports',
  summary: 'Report somebody, a message or a conversation to the administrators',
  access: 'user',
  limit: 'reports',
  idempotent: 'answer',
  request: { body: MakeReport },
  responses: { 201: MadeReport },
  async handler({ context, caller, body, origin, newId }) {
    const report = await context.reports.make(caller, body, origin, newId)
    return { status: 201, body: { id: report._id.toHexString(), createdAt: report.createdAt.toISOString() } }
  },
})

export const listReports = endpoint({
  method: 'get',
  path: '/admin/reports',
  summary: 'What people have reported: the open, or the resolved; the newest first',
  access: 'admin',
  limit: 'api',
  request: { query: ListReports },
  responses: { 200: ReportPage },
  async handler({ context, query }) {
    const { items, nextCursor } = await context.reports.list(query)
    return { status: 200, body: { items: items.map(viewReport), nextCursor } }
  },
})

export const resolveReport = endpoint({
  method: 'post',
  path: '/admin/reports/:reportId/resolve',
  summary: 'Say what becomes of a report; who is reported may be suspended with it',
  access: 'admin',
  limit: 'api',
  request: { params: ReportParams, body: ResolveReport },
  responses: { 200: ReportView },
  async handler({ context, caller, params, body, origin }) {
    return { status: 200, body: viewReport(await context.reports.resolve(caller, params.reportId, body, origin)) }
  },
})
