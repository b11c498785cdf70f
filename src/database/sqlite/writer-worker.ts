/**
 * The worker thread that owns the one connection that writes, so that an fsync or a long statement never holds up the
 * thread that serves requests. It answers messages in order, one reply each.
 */
import type { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { openWriter } from './connect.ts'
import { rowsOf, StatementCache } from './statements.ts'
import type { WriterFailure, WriterOptions, WriterReply, WriterRequest, WriterRows } from './writer-protocol.ts'

if (parentPort === null) throw new Error('writer-worker.ts runs in a worker thread only.')
const port = parentPort
const options = workerData as WriterOptions

/** The first reply tells whether the database could be opened. */
let database: DatabaseSync
let statements: StatementCache
reply(() => {
  database = openWriter(options.path, options.busyTimeoutMs)
  statements = new StatementCache(database)
  return undefined
})

port.on('message', (request: WriterRequest) => reply(() => perform(request)))

function perform(request: WriterRequest): WriterRows | undefined {
  switch (request.kind) {
    case 'run':
      if (request.begin) begin()
      // After a full disk SQLite may have rolled back by itself; a statement outside a transaction would commit alone.
      if (!database.isTransaction) throw new Error('The transaction has ended by itself.')
      return run(request)
    case 'commit':
      statements.get('commit').statement.run()
      return undefined
    case 'rollback':
      if (database.isTransaction) database.exec('rollback')
      return undefined
    case 'close':
      database.close()
      return undefined
    default:
      return request satisfies never
  }
}

function begin(): void {
  if (database.isTransaction) database.exec('rollback')
  statements.get('begin immediate').statement.run()
}

function run(request: Extract<WriterRequest, { kind: 'run' }>): WriterRows {
  const prepared = statements.get(request.sql)
  if (prepared.columns.length > 0) return { rows: rowsOf(prepared, request.parameters), changes: undefined }
  return { rows: [], changes: Number(prepared.statement.run(...request.parameters).changes) }
}

function reply(deed: () => WriterRows | undefined): void {
  let answer: WriterReply
  try {
    answer = { ok: true, result: deed() }
  } catch (error) {
    answer = { ok: false, failure: failureOf(error) }
  }
  port.postMessage(answer)
}

function failureOf(error: unknown): WriterFailure {
  if (!(error instanceof Error)) return { message: String(error), code: undefined, errcode: undefined }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  const errcode = 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : undefined
  return { message: error.message, code, errcode }
}
