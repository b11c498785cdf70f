import { Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { Database } from '../database/database.ts'
import { addStoreMetrics } from './store-metrics.ts'

/** What a Prometheus can read from /metrics. */
export interface Metrics {
  readonly registry: Registry
  /** What names scopes and says how much they have, which only those learn who manage the instance. */
  readonly ofScopes: Registry
  /** Counts a change of a suite, with the time until its answer. */
  countChange(kind: string, outcome: 'sealed' | 'unchanged' | 'refused', seconds: number): void
}

/** Sums over all files are asked of the database at most this often. */
const sizesAgeMs = 60_000

export function openMetrics(database: Database): Metrics {
  const registry = new Registry()
  const ofScopes = new Registry()
  collectDefaultMetrics({ register: registry })
  const changes = new Histogram({
    name: 'ashlar_change_seconds',
    help: 'Time from the request for a change to its sealed revision or its refusal',
    labelNames: ['kind', 'outcome'],
    buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100],
    registers: [registry],
  })
  addSizes(registry, database)
  addStoreMetrics({ registry, ofScopes }, database)
  return {
    registry,
    ofScopes,
    countChange: (kind, outcome, seconds) => changes.observe({ kind, outcome }, seconds),
  }
}

function addSizes(registry: Registry, database: Database): void {
  let askedAtMs = 0
  const bytes = new Gauge({
    name: 'ashlar_file_bytes',
    help: 'Bytes of all files, each counted once',
    registers: [registry],
  })
  const files = new Gauge({
    name: 'ashlar_files',
    help: 'Files',
    registers: [registry],
    async collect() {
      if (performance.now() - askedAtMs < sizesAgeMs && askedAtMs > 0) return
      askedAtMs = performance.now()
      const sums = await database.read
        .selectFrom('file')
        .select(({ fn }) => [fn.countAll<number>().as('count'), fn.sum<number | null>('size').as('bytes')])
        .executeTakeFirstOrThrow()
      files.set(sums.count)
      bytes.set(sums.bytes ?? 0)
    },
  })
}
