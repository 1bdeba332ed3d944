import { flagOf, type Option, optionNames, optionOf } from './options.js';

export type Shell = 'bash' | 'zsh' | 'fish';

/** What may stand behind a flag. */
type Values = { readonly kind: 'words'; readonly words: readonly string[] } | { readonly kind: Place };
type Place = 'none' | 'any' | 'file' | 'directory';

interface Flag {
  /** With its dashes. */
  readonly text: string;
  readonly help: string;
  readonly unit: string;
  readonly values: Values;
}

/** The script that a shell reads to complete our command line; `source <(chaussette --completion bash)`.
 *  @param backends What `--backend` takes. */
export function completionText(shell: Shell, backends: readonly string[]): string {
  const flags = flagsOf(backends);
  switch (shell) {
    case 'bash':
      return bashText(flags);
    case 'zsh':
      return zshText(flags);
    case 'fish':
      return fishText(flags);
  }
}

function flagsOf(backends: readonly string[]): Flag[] {
  return optionNames.flatMap((name) => {
    const option = optionOf(name);
    const { help, unit = 'VALUE' } = option;
    const values: Values = name === 'backend' ? { kind: 'words', words: backends } : valuesOf(option);
    const shorts = option.short === undefined ? [] : [`-${option.short}`];
    const long = [flagOf(name), ...(option.aliases ?? [])].map((flag) => `--${flag}`);
    return [...shorts, ...long].map((text) => ({ text, help, unit, values }));
  });
}

function valuesOf({ kind, choices, unit }: Option): Values {
  if (kind === 'flag') return { kind: 'none' };
  if (choices !== undefined) return { kind: 'words', words: choices };
  if (kind === 'paths') return { kind: 'directory' };
  return { kind: unit === 'FILE' ? 'file' : 'any' };
}

/** What is no option is an application: a file, or an import string that nobody can guess. */
function bashText(flags: readonly Flag[]): string {
  const patterns = (kind: Values['kind']): string =>
    flags
      .filter(({ values }) => values.kind === kind)
      .map(({ text }) => text)
      .join('|');
  const words = flags.flatMap(({ text, values }) =>
    values.kind === 'words'
      ? [`    ${text}) COMPREPLY=($(compgen -W '${values.words.join(' ')}' -- "$word")); return ;;`]
      : [],
  );
  return `# bash completion of chaussette: source <(chaussette --completion bash)
_chaussette() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]}
  # bash splits --flag=value into three words.
  if [[ $word == = ]]; then word=; elif [[ $before == = ]]; then before=\${COMP_WORDS[COMP_CWORD-2]}; fi
  case $before in
${words.join('\n')}
    ${patterns('file')}) COMPREPLY=($(compgen -f -- "$word")); return ;;
    ${patterns('directory')}) COMPREPLY=($(compgen -d -- "$word")); return ;;
    ${patterns('any')}) return ;;
  esac
  if [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W '${flags.map(({ text }) => text).join(' ')}' -- "$word"))
  else
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}
complete -o filenames -F _chaussette chaussette
`;
}

function zshText(flags: readonly Flag[]): string {
  const action = (values: Values): string => {
    if (values.kind === 'words') return `(${values.words.join(' ')})`;
    return { any: ' ', file: '_files', directory: '_files -/', none: '' }[values.kind];
  };
  const lines = flags.map(({ text, help, unit, values }) => {
    const shown = `[${help.replace(/[[\]:\\]/g, '\\$&')}]`;
    const value = values.kind === 'none' ? '' : `:${unit.replaceAll(':', '\\:')}:${action(values)}`;
    // Several times: whether an option may be repeated is for the command to say.
    return `  ${quoted(`*${text}${values.kind === 'none' || !text.startsWith('--') ? '' : '='}${shown}${value}`)}`;
  });
  return `#compdef chaussette
# zsh completion of chaussette: source <(chaussette --completion zsh), after compinit; or a file _chaussette in $fpath.
_chaussette() {
  _arguments -S \\
${lines.map((line) => `  ${line} \\`).join('\n')}
    '1:application:_files' \\
    '*:argument:_files'
}
if [ "$funcstack[1]" = _chaussette ]; then _chaussette "$@"; else compdef _chaussette chaussette; fi
`;
}

function fishText(flags: readonly Flag[]): string {
  const lines = flags.map(({ text, help, values }) => {
    const name = text.startsWith('--') ? `-l ${text.slice(2)}` : `-s ${text.slice(1)}`;
    const value = {
      none: '',
      any: ' -x',
      file: ' -r -F',
      directory: " -x -a '(__fish_complete_directories)'",
      words: values.kind === 'words' ? ` -x -a ${quoted(values.words.join(' '))}` : '',
    }[values.kind];
    return `complete -c chaussette ${name}${value} -d ${fishQuoted(help)}`;
  });
  return `# fish completion of chaussette: chaussette --completion fish | source\n${lines.join('\n')}\n`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** In fish's quotes a backslash escapes. */
function fishQuoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
