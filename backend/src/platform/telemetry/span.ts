import { type Attributes, type Span, SpanStatusCode } from '@opentelemetry/api'

/** Ends a part; one that failed is marked. */
export const endSpan = (span: Span, { attributes = {}, failed }: { readonly attributes?: Attributes; readonly failed: boolean }): void => {
  span.setAttributes(attributes)
  if (failed) span.setStatus({ code: SpanStatusCode.ERROR })
  span.end()
}
