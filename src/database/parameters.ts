/** Checks that hold for the parameters of a statement on every dialect. */
import { AshlarError } from '../common/errors.ts'

/**
 * PostgreSQL has no NUL character in text. SQLite has, but cuts such text short in places; so neither takes one.
 * @throws AshlarError request-invalid
 */
export function refuseNul(parameters: readonly unknown[]): void {
  for (const parameter of parameters) {
    if (typeof parameter === 'string' && parameter.includes('\0')) {
      throw new AshlarError('request-invalid', 'A text contains a NUL character, which no name or field may have.')
    }
  }
}
