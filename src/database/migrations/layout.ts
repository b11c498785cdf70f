/** A small notation for tables, so that a migration reads as a list of them. */
import { sql, type ColumnDefinitionBuilder, type Generated, type Kysely } from 'kysely'
import type { ColumnTypes } from '../column-types.ts'

interface Column<Kind extends 'id' | 'integer' | 'text' | 'bytes', Nullable extends boolean> {
  readonly kind: Kind
  readonly nullable: Nullable
  /** The table whose `id` this is. */
  readonly references?: string
  /** What rows have that were there before the column. */
  readonly default?: number
}

/** The column that holds values of a type of schema.ts. */
type ColumnOf<Value> = [Value] extends [Generated<number>]
  ? Column<'id', false>
  : Column<KindOf<NonNullable<Value>>, null extends Value ? true : false>

type KindOf<Value> = Value extends number ? 'integer' : Value extends string ? 'text' : 'bytes'

type AnyColumn = Column<'id' | 'integer' | 'text' | 'bytes', boolean>

interface TableLayout<Columns extends Readonly<Record<string, AnyColumn>>> {
  readonly columns: Columns
  /** For tables without an `id`. */
  readonly primaryKey?: readonly (keyof Columns)[]
  readonly unique?: readonly (readonly (keyof Columns)[])[]
  readonly index?: readonly (readonly (keyof Columns)[])[]
  /** Indexes over the rows only where the column is set. */
  readonly indexWhereSet?: readonly (keyof Columns)[]
  /** Indexes over the rows only where the first column is null: over what still holds, however much history there is. */
  readonly indexWhereNull?: readonly (readonly [keyof Columns, ...(keyof Columns)[]])[]
}

/** Tables as the types of schema.ts ask for them: the same names, kinds, and which may be null. */
export type LayoutOf<Tables> = {
  readonly [Table in keyof Tables]: TableLayout<{
    readonly [Name in keyof Tables[Table]]: ColumnOf<Tables[Table][Name]>
  }>
}

/** Tables of any kind, for those that a later migration changes. */
export type AnyLayout<Name extends string> = Readonly<Record<Name, TableLayout<Readonly<Record<string, AnyColumn>>>>>

export const id: Column<'id', false> = { kind: 'id', nullable: false }
export const integer: Column<'integer', false> = { kind: 'integer', nullable: false }
export const text: Column<'text', false> = { kind: 'text', nullable: false }
export const bytes: Column<'bytes', false> = { kind: 'bytes', nullable: false }

/** A number of a table that has rows already. */
export const zero: Column<'integer', false> = { ...integer, default: 0 }

export function orNull<Kind extends 'integer' | 'text' | 'bytes'>(column: Column<Kind, false>): Column<Kind, true> {
  return { ...column, nullable: true }
}

/** A foreign key to the `id` of a table that stands earlier in the layout. */
export function idOf(table: string): Column<'integer', false> {
  return { ...integer, references: table }
}

export async function createTables(db: Kysely<unknown>, types: ColumnTypes, layout: AnyLayout<string>): Promise<void> {
  for (const [name, table] of Object.entries(layout)) await createTable(db, types, name, table)
}

/** Adds columns to a table that may have rows. */
export async function addColumns(
  db: Kysely<unknown>,
  types: ColumnTypes,
  table: string,
  columns: Readonly<Record<string, AnyColumn>>,
): Promise<void> {
  for (const [name, column] of Object.entries(columns)) {
    if (column.kind === 'id') throw new Error(`${table}.${name} cannot be added`)
    await db.schema
      .alterTable(table)
      .addColumn(name, types[column.kind], (builder) => settle(builder, column))
      .execute()
  }
}

function settle(builder: ColumnDefinitionBuilder, column: AnyColumn): ColumnDefinitionBuilder {
  const nullability = column.nullable ? builder : builder.notNull()
  const filled = column.default === undefined ? nullability : nullability.defaultTo(column.default)
  return column.references === undefined ? filled : filled.references(`${column.references}.id`)
}

async function createTable(
  db: Kysely<unknown>,
  types: ColumnTypes,
  name: string,
  table: TableLayout<Readonly<Record<string, AnyColumn>>>,
): Promise<void> {
  let create = db.schema.createTable(name)
  for (const [columnName, column] of Object.entries(table.columns)) {
    if (column.kind === 'id') {
      create = create.addColumn(columnName, types.id.type, (builder) => types.id.build(builder))
      continue
    }
    create = create.addColumn(columnName, types[column.kind], (builder) => settle(builder, column))
  }
  // Named by the columns, so that two unique keys of a table do not meet.
  if (table.primaryKey) create = create.addPrimaryKeyConstraint(`${name}_pk`, [...table.primaryKey] as never)
  for (const columns of table.unique ?? []) {
    create = create.addUniqueConstraint(`${name}_${columns.join('_')}_key`, [...columns] as never)
  }
  const end = endOf(types, table)
  if (end) create = create.modifyEnd(end)
  await create.execute()
  for (const columns of table.index ?? []) {
    await db.schema
      .createIndex(`${name}_${columns.join('_')}_index`)
      .on(name)
      .columns([...columns])
      .execute()
  }
  for (const column of table.indexWhereSet ?? []) {
    await db.schema
      .createIndex(`${name}_${column}_index`)
      .on(name)
      .column(column)
      .where(sql.ref(column), 'is not', null)
      .execute()
  }
  for (const [column, ...columns] of table.indexWhereNull ?? []) {
    await db.schema
      .createIndex(`${name}_${columns.join('_')}_now_index`)
      .on(name)
      .columns(columns)
      .where(sql.ref(column), 'is', null)
      .execute()
  }
}

function endOf(types: ColumnTypes, table: TableLayout<Readonly<Record<string, AnyColumn>>>): ColumnTypes['tableEnd'] {
  const kinds = Object.values(table.columns).map((column) => column.kind)
  const smallAndKeyed = table.primaryKey !== undefined && !kinds.includes('bytes')
  return smallAndKeyed ? types.keyedTableEnd : types.tableEnd
}
