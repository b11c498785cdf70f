/** A database that notes the text of every statement, to ask SQLite how it would answer it. */
import { DatabaseSync } from 'node:sqlite'
import type { KyselyPlugin, PluginTransformQueryArgs, RootOperationNode } from 'kysely'
import type { Database } from '../../src/database/database.ts'

class Recorder implements KyselyPlugin {
  readonly statements = new Set<string>()
  /** How many rows each statement has given, by its text. */
  readonly rows = new Map<string, number>()
  readonly #asked = new WeakMap<object, string>()
  readonly #compile: (args: PluginTransformQueryArgs) => string

  constructor(database: Database) {
    const executor = database.read.getExecutor()
    this.#compile = ({ node, queryId }) => executor.compileQuery(executor.transformQuery(node, queryId), queryId).sql
  }

  transformQuery(args: PluginTransformQueryArgs): RootOperationNode {
    const statement = this.#compile(args)
    this.statements.add(statement)
    this.#asked.set(args.queryId, statement)
    return args.node
  }

  transformResult: KyselyPlugin['transformResult'] = ({ queryId, result }) => {
    const statement = this.#asked.get(queryId) ?? ''
    this.rows.set(statement, (this.rows.get(statement) ?? 0) + result.rows.length)
    return Promise.resolve(result)
  }
}

/** The same database, and what it is asked. */
export function recording(database: Database): {
  readonly database: Database
  readonly statements: Set<string>
  readonly rows: Map<string, number>
} {
  const recorder = new Recorder(database)
  return {
    statements: recorder.statements,
    rows: recorder.rows,
    database: {
      dialect: database.dialect,
      read: database.read.withPlugin(recorder),
      write: (deed) => database.write((trx) => deed(trx.withPlugin(recorder))),
      now: (executor) => database.now(executor),
      close: () => database.close(),
      [Symbol.asyncDispose]: () => database.close(),
    },
  }
}

/** The steps in which SQLite would answer each of the statements, by their text. */
export function plansOf(databaseUrl: string, statements: Iterable<string>): Map<string, string[]> {
  const sqlite = new DatabaseSync(databaseUrl.replace(/^sqlite:/, ''))
  try {
    const plans = new Map<string, string[]>()
    for (const statement of statements) {
      const parameters = Array.from(statement.matchAll(/\?/g), () => null)
      const rows = sqlite.prepare(`explain query plan ${statement}`).all(...parameters)
      plans.set(
        statement,
        rows.map((row) => String(row['detail'])),
      )
    }
    return plans
  } finally {
    sqlite.close()
  }
}
