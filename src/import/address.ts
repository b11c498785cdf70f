/** The address in `Jane Doe <jane@example.org>`, in lower case; undefined if there is none. */
export function addressIn(maintainer: string | undefined): string | undefined {
  const found = /<([^<>\s]+)>\s*$/.exec(maintainer ?? '')?.[1]?.toLowerCase()
  return found !== undefined && found.length <= 120 && /^[a-z0-9](?:[a-z0-9._+@-]*[a-z0-9])?$/.test(found)
    ? found
    : undefined
}
