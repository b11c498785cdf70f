import { Argument, Command } from 'commander'
import type { Help } from 'commander'

/** `ashlar completion`: what a shell needs to complete commands and options; made from the commands themselves. */
export function completionCommand(): Command {
  return new Command('completion')
    .description('print what a shell needs to complete this command')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .addHelpText('after', '\nbash: eval "$(ashlar completion bash)"    fish: ashlar completion fish | source')
    .action((shell: 'bash' | 'zsh' | 'fish', _options: object, command: Command) => {
      const program = rootOf(command)
      process.stdout.write(completionScript(program, shell))
    })
}

/** One command as a shell sees it: the words that lead to it, and what may follow. */
interface Node {
  readonly path: readonly string[]
  readonly commands: readonly Word[]
  readonly options: readonly Word[]
}

interface Word {
  readonly word: string
  readonly meaning: string
  /** Whether an option takes a value, so that the word after it is not a command. */
  readonly takesValue: boolean
}

export function completionScript(program: Command, shell: 'bash' | 'zsh' | 'fish'): string {
  const nodes = [...nodesOf(program, [])]
  if (shell === 'bash') return bashScript(nodes)
  return shell === 'zsh' ? zshScript(nodes) : fishScript(nodes)
}

function* nodesOf(command: Command, path: readonly string[]): Generator<Node> {
  const help: Help = command.createHelp()
  const commands = help.visibleCommands(command)
  const options = [...help.visibleOptions(command), ...rootOf(command).options]
  yield {
    path,
    commands: commands.map((each) => ({ word: each.name(), meaning: each.description(), takesValue: false })),
    options: options.flatMap((each) =>
      each.long === undefined || each.long === null
        ? []
        : [{ word: each.long, meaning: each.description, takesValue: each.required || each.optional }],
    ),
  }
  for (const each of command.commands) yield* nodesOf(each, [...path, each.name()])
}

function rootOf(command: Command): Command {
  return command.parent === null ? command : rootOf(command.parent)
}

/** Walks the words before the cursor to the command that they name; an option's value is passed over. */
function walk(nodes: readonly Node[], words: string): string {
  const valued = [...new Set(nodes.flatMap((node) => node.options.filter((each) => each.takesValue)))]
  const skip = [...new Set(valued.map((each) => each.word))].join('|')
  const paths = nodes.filter((node) => node.path.length > 0).map((node) => `"${node.path.join(' ')}"`)
  return `  local at="" skip="" word
  for word in ${words}; do
    if [[ -n $skip ]]; then skip=""; continue; fi
    case $word in
      ${skip}) skip=1; continue ;;
      -*) continue ;;
    esac
    case "\${at:+$at }$word" in
      ${paths.join('|')}) at="\${at:+$at }$word" ;;
    esac
  done`
}

function bashScript(nodes: readonly Node[]): string {
  const cases = nodes.map((node) => {
    const words = [...node.commands, ...node.options].map((each) => each.word)
    return `    "${node.path.join(' ')}") words="${[...new Set(words)].join(' ')}" ;;`
  })
  return `# bash completion for ashlar
_ashlar() {
  local words=""
${walk(nodes, '"${COMP_WORDS[@]:1:COMP_CWORD-1}"')}
  case $at in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _ashlar ashlar
`
}

function zshScript(nodes: readonly Node[]): string {
  const cases = nodes.map((node) => {
    const entries = unique([...node.commands, ...node.options]).map(
      (each) => `'${each.word}:${each.meaning.replaceAll("'", "'\\''").replaceAll(':', '\\:')}'`,
    )
    return `    "${node.path.join(' ')}") entries=(${entries.join(' ')}) ;;`
  })
  return `#compdef ashlar
_ashlar() {
  local -a entries
${walk(nodes, '"${words[@]:1:CURRENT-2}"')}
  case $at in
${cases.join('\n')}
  esac
  _describe 'ashlar' entries || _files
}
compdef _ashlar ashlar
`
}

function fishScript(nodes: readonly Node[]): string {
  const lines = nodes.flatMap((node) => {
    const inner = node.commands.map((each) => each.word).join(' ')
    const seen = node.path.map((word) => `__fish_seen_subcommand_from ${word}`)
    const before = inner === '' ? [] : [`not __fish_seen_subcommand_from ${inner}`]
    const when = [...seen, ...before].join('; and ')
    const condition = when === '' ? '' : ` -n ${quoted(when)}`
    return [
      ...node.commands.map((each) => `complete -c ashlar -f${condition} -a ${each.word} -d ${quoted(each.meaning)}`),
      ...unique(node.options).map(
        (each) =>
          `complete -c ashlar${condition} -l ${each.word.slice(2)}${each.takesValue ? ' -r' : ''} -d ${quoted(each.meaning)}`,
      ),
    ]
  })
  return `# fish completion for ashlar\n${lines.join('\n')}\n`
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

function unique(words: readonly Word[]): Word[] {
  return [...new Map(words.map((each) => [each.word, each])).values()]
}
