/** The directory in which `serve` keeps its data unless told otherwise, and where commands look for its client.toml. */
export const usualDataDirectory = 'ashlar-data'

/** What a server leaves in its data directory for the commands of the same user. */
export const clientFileName = 'client.toml'
