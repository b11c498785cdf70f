/** Pieces of indexes as a thread reads them, from where the bytes lie on this machine. */
import { closeSync, openSync, readSync } from 'node:fs'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'

/** Bytes of an assembled index: given, or a part of a local file, perhaps in a packed form whose content is meant. */
export type LocalPiece = {
  /** Equal for equal bytes only. */
  readonly identity: string
} & (
  | { readonly bytes: Uint8Array }
  | {
      readonly path: string
      readonly offset: number
      readonly length: number
      readonly packed: 'zst' | 'gz' | undefined
    }
)

/** Reads pieces; keeps the files open until it is disposed of. */
export class PieceReader implements Disposable {
  readonly #files = new Map<string, number>()

  /** The bytes for which a piece stands. */
  read(piece: LocalPiece): Uint8Array {
    if ('bytes' in piece) return piece.bytes
    const file = this.#files.get(piece.path) ?? openSync(piece.path, 'r')
    this.#files.set(piece.path, file)
    const bytes = Buffer.allocUnsafe(piece.length)
    for (let done = 0; done < bytes.length;) {
      const count = readSync(file, bytes, done, bytes.length - done, piece.offset + done)
      if (count === 0) throw new Error(`${piece.path} ends before byte ${piece.offset + piece.length}`)
      done += count
    }
    if (piece.packed === undefined) return bytes
    return piece.packed === 'gz' ? gunzipSync(bytes) : zstdDecompressSync(bytes)
  }

  [Symbol.dispose](): void {
    for (const file of this.#files.values()) closeSync(file)
  }
}
