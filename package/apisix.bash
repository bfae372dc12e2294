# bash completion of apisix(8). Needs no helper functions of bash-completion.
_apisix() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local actions at action=''
  COMPREPLY=()
  case $previous in
    -p | --prefix)
      mapfile -t COMPREPLY < <(compgen -d -- "$current")
      return
      ;;
    -c | --config)
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return
      ;;
    --timeout) return ;;
  esac
  for ((at = 1; at < COMP_CWORD; at++)); do
    case ${COMP_WORDS[at]} in
      -p | --prefix | -c | --config | --timeout) ((++at)) ;; # and its value
      -*) ;;
      *) action=${COMP_WORDS[at]} && break ;;
    esac
  done
  if [[ $current = -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W '--config --prefix --foreground --timeout --json --verbose --help' -- "$current")
  elif [[ -z $action ]]; then
    # The program itself knows what it can do: "name: what it is for" at the beginning of a line.
    actions=$("${COMP_WORDS[0]}" help 2>/dev/null | sed -n 's/^\([a-z_]*\): .*/\1/p')
    mapfile -t COMPREPLY < <(compgen -W "$actions" -- "$current")
  fi
}
complete -F _apisix apisix
