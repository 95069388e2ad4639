export { type ReportDocument, reportSchema } from './model.js'
export { listReports, makeReport, resolveReport } from './routes.js'
export { ReportService } from './service.js'
