/** A database that notes the text of every statement, to ask SQLite how it would answer it. */
import { DatabaseSync } from 'node:sqlite'
import type { KyselyPlugin, PluginTransformQueryArgs, RootOperationNode } from 'kysely'
import type { Database } from '../../src/database/database.ts'

class Recorder implements KyselyPlugin {
  readonly statements = new Set<string>()
  readonly #compile: (args: PluginTransformQueryArgs) => string

  constructor(database: Database) {
    const executor = database.read.getExecutor()
    this.#compile = ({ node, queryId }) => executor.compileQuery(executor.transformQuery(node, queryId), queryId).sql
  }

  transformQuery(args: PluginTransformQueryArgs): RootOperationNode {
    this.statements.add(this.#compile(args))
    return args.node
  }

  transformResult: KyselyPlugin['transformResult'] = ({ result }) => Promise.resolve(result)
}

/** The same database, and what it is asked. */
export function recording(database: Database): { readonly database: Database; readonly statements: Set<string> } {
  const recorder = new Recorder(database)
  return {
    statements: recorder.statements,
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
