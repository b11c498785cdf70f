import type { NamedPiece } from './assembly.ts'
import type { LocalPaths } from './local-paths.ts'
import type { LocalPiece } from './piece-reader.ts'

/** Pieces as a thread can read them, for as long as `paths` hold. */
export async function localPieces(paths: LocalPaths, pieces: readonly NamedPiece[]): Promise<LocalPiece[]> {
  const local: LocalPiece[] = []
  for (const { identity, piece } of pieces) {
    if (piece.kind === 'bytes') {
      local.push({ identity, bytes: piece.bytes })
      continue
    }
    const packed = piece.kind === 'packed' ? piece.form : undefined
    const length = piece.kind === 'packed' ? piece.packedLength : piece.length
    local.push({ identity, path: await paths.of(piece.pack), offset: piece.offset, length, packed })
  }
  return local
}
