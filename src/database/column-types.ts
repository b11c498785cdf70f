/** The column types that the migrations use; each dialect says what they are there. */
import type { ColumnDefinitionBuilder, RawBuilder } from 'kysely'

type DataType = 'integer' | 'bigint' | 'text' | 'blob' | 'bytea' | RawBuilder<unknown>

export interface ColumnTypes {
  /** A number that the database gives to a new row, and never again to another. */
  readonly id: {
    readonly type: DataType
    readonly build: (column: ColumnDefinitionBuilder) => ColumnDefinitionBuilder
  }
  /** Whole numbers of up to 53 bits. */
  readonly integer: DataType
  /** Text that is compared and ordered by its bytes in UTF-8. */
  readonly text: DataType
  readonly bytes: DataType
  /** What ends the definition of a table. */
  readonly tableEnd: RawBuilder<unknown> | undefined
  /** The same for a table of small rows whose primary key is not a number of the database's. */
  readonly keyedTableEnd: RawBuilder<unknown> | undefined
  /** Whether a constraint can be taken off a table; else the table is made again without it. */
  readonly dropsConstraints: boolean
}
