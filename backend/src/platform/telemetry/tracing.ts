import { AsyncLocalStorage } from 'node:async_hooks'
import {
  type Attributes,
  type Context,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BasicTracerProvider, BatchSpanProcessor, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace-node'

export interface TracingSettings {
  /** Of an OTLP receiver over HTTP, without `/v1/traces`. */
  readonly endpoint: string
  /** What it wants to be sent with each request: who we are. */
  readonly headers: Readonly<Record<string, string>>
  readonly serviceName: string
  readonly version: string
  readonly worker: string
  /** Of all traces, 0 to 1. */
  readonly ratio: number
}

const exportDeadlineMs = 10_000
/** What waits when the receiver is away; the rest is dropped. */
const mostWaiting = 2048
const everyMs = 2000

/** Tells an OTLP receiver (OpenTelemetry) what requests do, and how long each part takes. It knows names and sizes, never a value. */
export class Tracing {
  readonly #provider: BasicTracerProvider
  readonly #tracer: Tracer
  readonly #current = new AsyncLocalStorage<Span>()
  constructor({ endpoint, headers, serviceName, version, worker, ratio }: TracingSettings) {
    const exporter = new OTLPTraceExporter({ url: `${endpoint}/v1/traces`, headers: { ...headers }, timeoutMillis: exportDeadlineMs })
    this.#provider = new BasicTracerProvider({
      resource: resourceFromAttributes({ 'service.name': serviceName, 'service.version': version, 'service.instance.id': worker }),
      sampler: new TraceIdRatioBasedSampler(ratio), // by the trace alone: no stranger decides that theirs is kept
      spanProcessors: [new BatchSpanProcessor(exporter, { maxQueueSize: mostWaiting, scheduledDelayMillis: everyMs })],
    })
    this.#tracer = this.#provider.getTracer('heliograph', version)
  }

  /** Begins what a request is, and runs `work` as a part of it. @param traceparent the header (W3C Trace Context), whoever sent it */
  request(name: string, traceparent: string | undefined, work: (span: Span) => void): void {
    const span = this.#tracer.startSpan(name, { kind: SpanKind.SERVER }, contextOf(traceparent))
    this.#current.run(span, () => work(span))
  }

  /** Begins what is asked of another server; undefined where it is no part of a request, or not kept. */
  call(name: string, attributes: Attributes): Span | undefined {
    const parent = this.#current.getStore()
    if (!parent?.isRecording()) return undefined
    return this.#tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }, trace.setSpan(ROOT_CONTEXT, parent))
  }

  /** Sends what is left, for 10 s at most. */
  async close(): Promise<void> {
    await this.#provider.shutdown().catch(() => undefined) // what the receiver does not take is lost
  }
}

const pattern = /^[0-9a-f]{2}-(?<traceId>[0-9a-f]{32})-(?<spanId>[0-9a-f]{16})-(?<flags>[0-9a-f]{2})/

const contextOf = (traceparent: string | undefined): Context => {
  const { traceId = '', spanId = '', flags = '00' } = pattern.exec(traceparent ?? '')?.groups ?? {}
  const remote: SpanContext = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true }
  return isSpanContextValid(remote) ? trace.setSpanContext(ROOT_CONTEXT, remote) : ROOT_CONTEXT
}
