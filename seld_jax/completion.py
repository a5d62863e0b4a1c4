"""Prints a script that completes the command seld in a shell.

The shell then completes commands, flags, their values, fields of the config and
names of configs. Write the script where the shell looks for it, once:
  python -m seld_jax.completion --shell=bash \
    > ~/.local/share/bash-completion/completions/seld
  python -m seld_jax.completion --shell=fish \
    > ~/.config/fish/completions/seld.fish
  python -m seld_jax.completion --shell=zsh > ~/.seld.zsh
For zsh, add the line `source ~/.seld.zsh` to ~/.zshrc, below compinit.
"""

import importlib
import importlib.util
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from absl import flags

from seld_jax import commands
from seld_jax import config as config_lib
from seld_jax.__main__ import COMMANDS, summary

SHELLS = ('bash', 'zsh', 'fish')


class Flag(NamedTuple):
  """What a shell needs to know about a flag.

  Attributes:
    name: The name, without dashes.
    about: The first sentence of its help.
    values: Its possible values; () if there are too many.
    is_switch: Whether it has no value.
  """

  name: str
  about: str
  values: tuple[str, ...]
  is_switch: bool


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  commands.Define(values).enum('shell', None, list(SHELLS), 'The shell.')


def main(arguments: list[str], values: flags.FlagValues) -> None:
  """Prints the script."""
  commands.refuse_arguments(arguments)
  print(script(values.shell))


def script(shell: str) -> str:
  """Makes the script of a shell.

  Args:
    shell: One of `SHELLS`.

  Returns:
    The script.
  """
  found = {name: flags_of(module) for name, module in COMMANDS.items()}
  if shell == 'fish':
    return _fish(found)
  return _zsh(found) if shell == 'zsh' else _bash(found)


def flags_of(module: str) -> list[Flag]:
  """Finds the flags of a command.

  Args:
    module: Name of the module of the command in seld_jax.

  Returns:
    The flags in alphabetical order; then the fields of the config if it has
    one.
  """
  name = f'seld_jax.{module}'
  found = importlib.util.find_spec(name)
  if found is not None and found.submodule_search_locations is not None:
    name += '.__main__'
  values = flags.FlagValues()
  importlib.import_module(name).define_flags(values)
  known = [
    Flag('help', 'Explain the command and its flags.', (), is_switch=True)
  ]
  for one in sorted(values):
    flag = values[one]
    choices = tuple(getattr(flag.parser, 'enum_values', None) or ())
    about = flag.help.removeprefix(f'<{"|".join(choices)}>: ')
    about = re.split(r'(?<=[.;]) ', about, maxsplit=1)[0]
    if one == 'config':
      choices = tuple(config_lib.config_files())
    is_switch = isinstance(flag, flags.BooleanFlag)
    known.append(Flag(one, about, choices, is_switch))
  if 'config' in values:
    for field in config_lib.describe_fields():
      known.append(Flag(f'config.{field.path}', field.about, (), False))
  return known


def _flag_cases(found: Mapping[str, Sequence[Flag]]) -> str:
  """Cases of a shell that set `listed` to the flags of each command."""
  cases = []
  for name, known in found.items():
    words = ' '.join(
      f'--{flag.name}{"" if flag.is_switch else "="}' for flag in known
    )
    cases.append(f'    {name}) listed={shlex.quote(words)} ;;')
  return '\n'.join(cases)


def _value_cases(found: Mapping[str, Sequence[Flag]]) -> str:
  """Cases that set `listed` to the values of each flag that has some."""
  return '\n'.join(
    f'    {name},{flag.name}) listed={shlex.quote(" ".join(flag.values))} ;;'
    for name, known in found.items()
    for flag in known
    if flag.values
  )


def _zsh(found: Mapping[str, Sequence[Flag]]) -> str:
  """The script for zsh."""
  return f"""_seld() {{
  local word=${{words[CURRENT]}} command=${{words[2]}} flag listed= none=1
  if (( CURRENT == 2 )); then
    compadd -- {' '.join([*found, 'help'])}
    return
  fi
  if [[ $word == --*=* ]]; then
    flag=${{word%%=*}}
    case "$command,${{flag#--}}" in
{_value_cases(found)}
    esac
    compset -P '*='
    if [[ -n $listed ]]; then compadd -- ${{=listed}} && none=0; fi
    # A config is a name or a file.
    if [[ -z $listed || $flag == --config ]]; then _files && none=0; fi
    return none
  fi
  if [[ $word == -* ]]; then
    case $command in
{_flag_cases(found)}
    esac
    compadd -S '' -- ${{(M)${{=listed}}:#*=}} && none=0
    compadd -- ${{${{=listed}}:#*=}} && none=0
    return none
  fi
  if [[ $command == help ]]; then
    compadd -- {' '.join(found)}
  else
    _files
  fi
}}
compdef _seld seld"""


def _bash(found: Mapping[str, Sequence[Flag]]) -> str:
  """The script for bash."""
  names = shlex.quote(' '.join([*found, 'help']))
  return f"""_seld() {{
  local line word command flag listed=
  # Shells divide words at = or not, so the line is read here.
  line=${{COMP_LINE:0:$COMP_POINT}}
  word=${{line##* }}
  command=${{COMP_WORDS[1]}}
  COMPREPLY=()
  if [[ $COMP_CWORD -eq 1 ]]; then
    COMPREPLY=($(compgen -W {names} -- "$word"))
    return
  fi
  if [[ $word == --*=* ]]; then
    flag=${{word%%=*}}
    case "$command,${{flag#--}}" in
{_value_cases(found)}
    esac
    local value=${{word#*=}}
    if [[ -n $listed ]]; then
      COMPREPLY=($(compgen -W "$listed" -- "$value"))
    fi
    # A config is a name or a file.
    if [[ -z $listed || ($flag == --config && -z $COMPREPLY) ]]; then
      _seld_files "$value"
    fi
    # Where = does not divide words, the whole word is replaced.
    if [[ ${{COMP_WORDS[COMP_CWORD]}} == --*=* ]]; then
      COMPREPLY=("${{COMPREPLY[@]/#/$flag=}}")
    fi
    return
  fi
  if [[ $word == -* ]]; then
    case $command in
{_flag_cases(found)}
    esac
    COMPREPLY=($(compgen -W "$listed" -- "$word"))
    if [[ ${{COMPREPLY[0]}} == *= ]]; then compopt -o nospace 2>/dev/null; fi
    return
  fi
  if [[ $command == help ]]; then
    COMPREPLY=($(compgen -W {shlex.quote(' '.join(found))} -- "$word"))
  else
    _seld_files "${{COMP_WORDS[COMP_CWORD]}}"
  fi
}}
# Completes a file, whose name may have spaces.
_seld_files() {{
  local one start=${{1//\\\\/}}
  start=${{start#[\\"\\']}}
  COMPREPLY=()
  while IFS= read -r one; do
    if [[ -n $one ]]; then COMPREPLY+=("$one"); fi
  done <<< "$(compgen -f -- "$start")"
  compopt -o filenames 2>/dev/null
}}
complete -F _seld seld"""


def _fish(found: Mapping[str, Sequence[Flag]]) -> str:
  """The script for fish."""
  lines = []
  for name in found:
    lines.append(
      f'complete -c seld -n __fish_use_subcommand -f -a {name} '
      f'-d {_quoted(summary(COMMANDS[name]))}'
    )
  lines.append(
    'complete -c seld -n "__fish_seen_subcommand_from help" -f -a '
    + _quoted(' '.join(found))
  )
  for name, known in found.items():
    start = f'complete -c seld -n "__fish_seen_subcommand_from {name}"'
    for flag in known:
      line = f'{start} -l {flag.name} -d {_quoted(flag.about)}'
      if flag.name == 'config':  # a name or a file
        line += f' -r -a {_quoted(" ".join(flag.values))}'
      elif flag.values:
        line += f' -x -a {_quoted(" ".join(flag.values))}'
      elif not flag.is_switch:
        line += ' -r'
      lines.append(line)
  return '\n'.join(lines)


def _quoted(text: str) -> str:
  """A string of fish, in which only backslash and quote are special."""
  escaped = text.replace('\\', '\\\\').replace("'", "\\'")
  return f"'{escaped}'"


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags, required=('shell',))
