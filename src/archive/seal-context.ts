import type { Faults } from '../common/faults.ts'
import type { Database } from '../database/database.ts'
import type { ChunkTable } from './chunk-table.ts'
import type { ContentsMaker } from './contents/contents-drafts.ts'
import type { IndexBuilder } from './index-builder.ts'
import type { InstallabilityGate } from './installability/installability-gate.ts'
import type { PatchBuilder } from './pdiffs/patch-builder.ts'
import type { SigningKeys } from './signing-keys.ts'

/** What a seal works with. */
export interface SealContext {
  readonly database: Database
  readonly chunks: ChunkTable
  readonly indexes: IndexBuilder
  readonly contents: ContentsMaker
  readonly patches: PatchBuilder
  readonly gate: InstallabilityGate
  readonly keys: SigningKeys
  readonly faults: Faults
  /** The archive's address, for the Snapshots field: `https://host/apt/scope/workspace`. */
  readonly urlOf: (archiveId: number) => Promise<string>
}
