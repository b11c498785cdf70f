import { createHash } from 'node:crypto'
import { copyScript } from './copy-script.ts'
import { stylesheet } from './stylesheet.ts'

/** A file that the pages need, under a name that changes with its bytes, so that it may be cached for ever. */
export interface Asset {
  /** `ashlar-1a2b3c4d5e6f.css` */
  readonly name: string
  readonly contentType: string
  readonly bytes: Uint8Array
  /** SHA-256 in hexadecimal digits. */
  readonly digest: string
}

const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><style>path{fill:#7a5c3e}@media(prefers-color-scheme:dark){path{fill:#d9b48a}}</style><path d="M3 5h12v6H3zM17 5h12v6H17zM3 13h6v6H3zM11 13h10v6H11zM23 13h6v6h-6zM3 21h12v6H3zM17 21h12v6H17z"/></svg>
`

export const styleAsset: Asset = asset('ashlar', 'css', 'text/css; charset=utf-8', stylesheet)
export const scriptAsset: Asset = asset('copy', 'js', 'text/javascript; charset=utf-8', copyScript)
export const iconAsset: Asset = asset('ashlar', 'svg', 'image/svg+xml', icon)

/** Everything that is served below /static/, by name. */
export const assets: ReadonlyMap<string, Asset> = new Map(
  [styleAsset, scriptAsset, iconAsset].map((asset) => [asset.name, asset]),
)

/** What the pages may load and do: nothing but their own files (Content-Security-Policy). */
export const contentSecurityPolicy = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

function asset(stem: string, extension: string, contentType: string, text: string): Asset {
  const digest = createHash('sha256').update(text).digest('hex')
  return { name: `${stem}-${digest.slice(0, 12)}.${extension}`, contentType, bytes: Buffer.from(text), digest }
}
