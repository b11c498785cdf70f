import { Command, Option } from 'commander'
import { authorText } from '../common/authorship.ts'
import { inSession } from './session.ts'
import { wholeNumber } from './suite-settings.ts'
import { table } from './table.ts'
import { verdictText } from './verdict-text.ts'
import { localTime, sizeText } from './wording.ts'

/** `ashlar queue`: uploads with a .changes, and the verdicts on them. */
export function queueCommand(): Command {
  const queue = new Command('queue').description('uploads that came with a .changes: what waits, and every verdict')
  return queue.addCommand(list()).addCommand(show()).addCommand(waiting())
}

function list(): Command {
  return new Command('list')
    .description('the newest uploads')
    .option('--suite <name>', 'only those to this suite')
    .addOption(new Option('--state <state>', 'only these').choices(['accepted', 'refused', 'accepting']))
    .option('--before <id>', 'only those before this one', wholeNumber)
    .option('--limit <count>', 'at most so many', wholeNumber, 50)
    .action(async (options: { suite?: string; state?: string; before?: number; limit: number }, command: Command) =>
      inSession(command, async ({ workspace }) => {
        const page = await workspace.uploads(options)
        const rows = page.uploads.map((each) => [
          String(each.id),
          each.source ?? each.name,
          each.version ?? '',
          each.suite,
          each.state,
          localTime(each.receivedAt),
          authorText(each),
        ])
        const more = page.next === undefined ? '' : `\nThere are more: add --before ${page.next}`
        return {
          document: page,
          text:
            rows.length === 0
              ? 'No upload with a .changes has come yet.'
              : table(['>ID', 'SOURCE', 'VERSION', 'SUITE', 'VERDICT', 'RECEIVED', 'BY'], rows) + more,
          brief: page.uploads.map((each) => String(each.id)).join('\n'),
        }
      }),
    )
}

function show(): Command {
  return new Command('show')
    .description('the verdict on an upload, item by item')
    .argument('<id>', 'its number', wholeNumber)
    .action(async (id: number, _options: object, command: Command) =>
      inSession(command, async ({ workspace }) => {
        const upload = await workspace.upload(id)
        return { document: upload, text: verdictText(upload), brief: upload.state }
      }),
    )
}

function waiting(): Command {
  return new Command('waiting')
    .description('files that wait for their .changes')
    .action(async (_options: object, command: Command) =>
      inSession(command, async ({ workspace }) => {
        const files = await workspace.incoming()
        const rows = files.map((each) => [
          each.name,
          each.suite,
          sizeText(each.size),
          localTime(each.expiresAt),
          each.user ?? '',
        ])
        return {
          document: { files },
          text: rows.length === 0 ? 'Nothing waits.' : table(['FILE', 'SUITE', '>SIZE', 'UNTIL', 'BY'], rows),
          brief: files.map((each) => each.name).join('\n'),
        }
      }),
    )
}
