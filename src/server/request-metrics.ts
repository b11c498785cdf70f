import { Counter, Histogram } from 'prom-client'
import type { App } from './context.ts'
import type { Metrics } from './metrics.ts'

/** Counts and times every request by its route. */
export function measureRequests(app: App, { registry }: Metrics): void {
  const labelNames = ['method', 'route', 'status']
  const requests = new Counter({
    name: 'ashlar_http_requests_total',
    help: 'Answered requests by route',
    labelNames,
    registers: [registry],
  })
  const seconds = new Histogram({
    name: 'ashlar_http_request_seconds',
    help: 'Time from the headers of a request to the last byte of its answer',
    labelNames: ['route'],
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
    registers: [registry],
  })
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none'
    requests.inc({ method: request.method, route, status: reply.raw.statusCode })
    seconds.observe({ route }, reply.elapsedTime / 1000)
    done()
  })
}
