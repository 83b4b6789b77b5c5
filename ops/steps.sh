# shellcheck shell=bash
# Sourced by the scripts of this folder: steps that are quiet unless they fail.

log_folder=build/logs

# Runs a command with its output in a log: `step "Building" ninja -C build`. On a terminal one line
# follows its progress. When the command fails, shows the log's end and returns its exit code.
step() {
  local title=$1 log start=$SECONDS code=0
  shift
  mkdir -p "$log_folder"
  log=$log_folder/$(tr -cs 'a-zA-Z0-9' '-' <<<"${title,,}").log
  log=${log/-.log/.log}
  "$@" >"$log" 2>&1 </dev/null &
  local job=$!
  [[ -t 2 ]] && follow "$title" "$log" "$job"
  wait "$job" || code=$?
  if ((code)); then
    tail -n 60 "$log" >&2
    printf 'citas: %s failed (exit code %d); the whole log is %s\n' "$title" "$code" "$log" >&2
    return "$code"
  fi
  printf 'citas: %s: done in %ds\n' "$title" $((SECONDS - start)) >&2
}

# Shows the last "[12/90]" that ninja wrote, until the job ends.
follow() {
  local title=$1 log=$2 job=$3
  while kill -0 "$job" 2>/dev/null; do
    printf '\r\033[Kcitas: %s %s' "$title" "$(grep -o '^\[[0-9/]*\]' "$log" | tail -n 1)" >&2
    sleep 0.5
  done
  printf '\r\033[K' >&2
}

# A compiler that runs out of disk says so in sixty lines, and not first.
require_room_to_build() {
  local folder=build/$1 needed_mib=300 built_mib free_mib
  [[ $1 == [at]san ]] && needed_mib=1300
  mkdir -p "$folder"
  built_mib=$(du -sm "$folder" | cut -f 1)
  free_mib=$(df --output=avail -BM "$folder" | tail -n 1 | tr -dc 0-9)
  ((built_mib + free_mib >= needed_mib)) && return
  printf 'citas: %s has %d MiB free, and building takes %d: make room, or build elsewhere\n' \
    "$(df --output=target "$folder" | tail -n 1)" "$free_mib" $((needed_mib - built_mib)) >&2
  return 1
}

# Configures and builds a preset of CMakePresets.json; more arguments name targets.
build_preset() {
  local preset=$1
  shift
  require_room_to_build "$preset"
  local targets=()
  (($#)) && targets=(--target "$@")
  step "Configuring $preset" cmake --preset "$preset"
  step "Building $preset" cmake --build --preset "$preset" "${targets[@]}"
}
