import { isPostgresUniqueViolation } from './postgres/errors.ts'
import { isSqliteUniqueViolation } from './sqlite/errors.ts'

/** Whether a statement failed because a row with the same primary or unique key exists. */
export function isUniqueViolation(error: unknown): boolean {
  return isSqliteUniqueViolation(error) || isPostgresUniqueViolation(error)
}
