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
    --sort)
      mapfile -t COMPREPLY < <(compgen -W 'rate errors p50 p90 p99 name' -- "$current")
      return
      ;;
    --kind)
      mapfile -t COMPREPLY < <(compgen -W 'routes services upstreams consumers credentials consumer_groups ssls global_rules
        plugin_configs plugin_metadata protos stream_routes secrets' -- "$current")
      return
      ;;
    --timeout | -d | --interval | -n | --count | --id | --limit) return ;;
    -H | --header | --body | --client-ip | --consumer | --filter) return ;;
    --junit)
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return
      ;;
    lua)
      mapfile -t COMPREPLY < <(compgen -W 'check test types repl' -- "$current")
      return
      ;;
  esac
  for ((at = 1; at < COMP_CWORD; at++)); do
    case ${COMP_WORDS[at]} in
      -p | --prefix | -c | --config | --timeout | -d | --interval | -n | --count | --sort | --kind | --id | --limit) ((++at)) ;; # and its value
      -H | --header | --body | --client-ip | --consumer | --junit | --filter) ((++at)) ;;
      -*) ;;
      *) action=${COMP_WORDS[at]} && break ;;
    esac
  done
  if [[ $current = -* ]]; then
    local options='--config --prefix --help'
    case $action in
      start | reload | upgrade | quit | restart) options+=' --timeout' ;;&
      start) options+=' --foreground' ;;
      version) options+=' --verbose' ;;
      status) options+=' --interval --json' ;;
      history) options+=' --kind --id --limit --json' ;;
      rollback) options+=' --dry-run --yes --json' ;;
      top) options+=' --interval --count --sort --json' ;;
      explain) options+=' --header --body --client-ip --consumer --json' ;;
      lint) options+=' --json' ;;
      lua) options+=' --filter --junit --json' ;;
      '') options+=' --foreground --timeout --json --verbose' ;;
      health | *s | plugin_metadata) options+=' --json' ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
  elif [[ $action = lua ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  elif [[ -z $action || $action = help ]]; then
    # The program itself knows what it can do: "name: what it is for" at the beginning of a line.
    actions=$("${COMP_WORDS[0]}" help 2>/dev/null | sed -n 's/^\([a-z_]*\): .*/\1/p')
    mapfile -t COMPREPLY < <(compgen -W "$actions" -- "$current")
  fi
}
complete -F _apisix apisix
