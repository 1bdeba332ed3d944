# zsh -f zsh-offers.zsh COMPLETION LINE FILE: type LINE and Tab into an interactive zsh, on a terminal of its own, and
# write what it offers to FILE. What the completion functions hand to the builtin compadd is what a user sees.
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "unsetopt autolist; autoload -Uz compinit; compinit -u -D; source $1"
zpty -w shell 'offered=(); compadd() {
  local -a hits
  (( ${@[(I)-[OAD]*]} )) || { builtin compadd -O hits "$@"; offered+=($hits) }
  builtin compadd "$@"
}
offer() { zle complete-word; print -rl -- $offered > '$3'; exit }
zle -N offer; bindkey "^I" offer'
zpty -n -w shell "$2"$'\t'
while zpty -r shell line; do :; done
