/** Gauges of the stores: how full they are, what is wrong with them, when they were last looked after. */
import { Gauge, type Registry } from 'prom-client'
import type { Database } from '../database/database.ts'
import { readStoreMeasures, type ScopeMeasures, type StoreMeasures } from '../storage/store-measures.ts'

/** The database is asked at most this often. */
const ageMs = 60_000

export interface StoreRegistries {
  readonly registry: Registry
  readonly ofScopes: Registry
}

export function addStoreMetrics(registries: StoreRegistries, database: Database): void {
  const gauges = makeGauges(registries, () => refresh())
  let askedAtMs = -Infinity
  let asked: Promise<void> = Promise.resolve()
  // Every gauge is collected by itself; the first one asks, and all wait for the answer.
  const refresh = (): Promise<void> => {
    if (performance.now() - askedAtMs < ageMs) return asked
    askedAtMs = performance.now()
    asked = measure(database, gauges)
    asked.catch(() => (askedAtMs = -Infinity))
    return asked
  }
}

async function measure(database: Database, gauges: Gauges): Promise<void> {
  const { stores, scopes } = await readStoreMeasures(database.read)
  for (const gauge of Object.values(gauges)) gauge.reset()
  for (const store of stores) showStore(gauges, store)
  for (const scope of scopes) showScope(gauges, scope)
}

type Gauges = ReturnType<typeof makeGauges>

function makeGauges({ registry, ofScopes }: StoreRegistries, collect: () => Promise<void>) {
  const gauge = <const Label extends string>(name: string, help: string, labelNames: readonly Label[]): Gauge<Label> =>
    new Gauge({ name, help, labelNames: [...labelNames], registers: [registry], collect })
  const scopeGauge = (name: string, help: string): Gauge<'store' | 'scope'> =>
    new Gauge({ name, help, labelNames: ['store', 'scope'], registers: [ofScopes], collect })
  const each = ['store'] as const
  return {
    files: gauge('ashlar_store_files', 'Files in a store', each),
    bytes: gauge('ashlar_store_bytes', 'Bytes of the files in a store', each),
    limits: gauge('ashlar_store_limit_bytes', 'Limits of a store', ['store', 'kind']),
    damagedFiles: gauge('ashlar_store_damaged_files', 'Copies in a store that are missing or not as they were', each),
    condemnedBytes: gauge('ashlar_store_condemned_bytes', 'Bytes in a store that wait to be deleted', each),
    vacuumed: gauge('ashlar_store_last_vacuum_timestamp_seconds', 'When a store was last vacuumed', each),
    scrubbed: gauge('ashlar_store_last_scrub_timestamp_seconds', 'When the bytes of a store were last proven', each),
    scopeFiles: scopeGauge('ashlar_store_scope_files', 'Files of a scope in a store, counted daily'),
    scopeBytes: scopeGauge('ashlar_store_scope_bytes', 'Bytes of a scope in a store, counted daily'),
    scopeLogicalBytes: scopeGauge(
      'ashlar_store_scope_logical_bytes',
      'Bytes of a scope in a store if each artifact kept its own files, counted daily',
    ),
  }
}

function showStore(gauges: Gauges, { store, softMaxBytes, hardMaxBytes, ...measures }: StoreMeasures): void {
  gauges.files.set({ store }, measures.files)
  gauges.bytes.set({ store }, measures.bytes)
  if (softMaxBytes !== null) gauges.limits.set({ store, kind: 'soft' }, softMaxBytes)
  if (hardMaxBytes !== null) gauges.limits.set({ store, kind: 'hard' }, hardMaxBytes)
  gauges.damagedFiles.set({ store }, measures.damagedFiles)
  gauges.condemnedBytes.set({ store }, measures.condemnedBytes)
  if (measures.vacuumedAt !== null) gauges.vacuumed.set({ store }, measures.vacuumedAt / 1_000_000)
  if (measures.scrubbedAt !== null) gauges.scrubbed.set({ store }, measures.scrubbedAt / 1_000_000)
}

function showScope(gauges: Gauges, { store, scope, files, bytes, logicalBytes }: ScopeMeasures): void {
  gauges.scopeFiles.set({ store, scope }, files)
  gauges.scopeBytes.set({ store, scope }, bytes)
  gauges.scopeLogicalBytes.set({ store, scope }, logicalBytes)
}
