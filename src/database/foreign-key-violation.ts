import { isPostgresForeignKeyViolation } from './postgres/errors.ts'
import { isSqliteForeignKeyViolation } from './sqlite/errors.ts'

/** Whether a statement failed because a row that it refers to is gone, or one that it deletes is referred to. */
export function isForeignKeyViolation(error: unknown): boolean {
  return isSqliteForeignKeyViolation(error) || isPostgresForeignKeyViolation(error)
}
