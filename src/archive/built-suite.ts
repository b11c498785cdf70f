import type { Archive } from './archive-table.ts'
import type { ChangingSuite } from './changing-suite.ts'
import type { BuiltIndex, BuiltMap } from './index-builder.ts'
import type { PackWriter } from './pack-writer.ts'

/** A suite whose new chunks are made; they lie in a pack that is not kept yet. */
export interface BuiltSuite extends ChangingSuite {
  readonly archive: Archive
  /** Its maps that change. */
  readonly built: readonly BuiltMap[]
  /** Its changed indexes as plain text. */
  readonly texts: readonly BuiltIndex[]
  readonly pack: PackWriter
}
