# Sourced by deps.sh: gets Debian source packages through a private apt configuration.
#
# The machine's own sources are read for one thing: which mirror it uses for Debian, and with which keyring.
# From each such entry deb-src entries for Debian 12 and 13 are derived, so no host name is written down here.
# BELAY_DEBIAN_MIRROR=<URI> replaces that on a machine whose apt does not know Debian.

apt_suites="bookworm trixie"
debian_keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# Prints one line per Debian entry of the machine: kind (main or security), then the options in brackets of
# the one-line format (may be empty), then the URI, separated by tabs.
debian_entries() {
  local sources_list parts file
  eval "$(apt-config shell sources_list Dir::Etc::sourcelist/f parts Dir::Etc::sourceparts/d)"
  for file in "$sources_list" "$parts"*.list; do
    if [ -f "$file" ]; then cat "$file"; fi
  done | awk '
    $1 == "deb" || $1 == "deb-src" {
      options = ""
      line = $0
      if (match(line, /\[[^]]*\]/)) {
        options = substr(line, RSTART + 1, RLENGTH - 2)
        line = substr(line, 1, RSTART - 1) substr(line, RSTART + RLENGTH)
      }
      count = split(line, field, /[ \t]+/)
      if (count < 4) next
      kept = ""
      split(options, option, /[ \t]+/)
      for (i in option)
        if (option[i] != "" && option[i] !~ /^(arch|lang|target|pdiffs)/) kept = kept " " option[i]
      components = ""
      for (i = 4; i <= count; i++) components = components " " field[i]
      print field[3] "\t" components "\t" kept "\t" field[2]
    }' > "$apt_dir/entries"
  for file in "$parts"*.sources; do
    [ -f "$file" ] || continue
    awk '
      function flush(  i, j, uris, suites, kept) {
        if (types != "" && tolower(enabled) != "no" && tolower(enabled) != "false") {
          kept = ""
          if (signed ~ /^\//) kept = kept " signed-by=" signed
          if (trusted != "") kept = kept " trusted=" trusted
          uris = split(uri, u, /[ \t]+/); suites = split(suite, s, /[ \t]+/)
          for (i = 1; i <= uris; i++) for (j = 1; j <= suites; j++)
            if (u[i] != "" && s[j] != "") print s[j] "\t" component "\t" kept "\t" u[i]
        }
        types = uri = suite = component = signed = trusted = enabled = name = ""
      }
      function add(value) {
        if (name == "types") types = types " " value
        else if (name == "uris") uri = uri " " value
        else if (name == "suites") suite = suite " " value
        else if (name == "components") component = component " " value
        else if (name == "signed-by") signed = signed value
        else if (name == "trusted") trusted = value
        else if (name == "enabled") enabled = value
      }
      /^#/ { next }
      /^[ \t]*$/ { flush(); next }
      /^[ \t]/ { sub(/^[ \t]+/, ""); add($0); next }
      { name = tolower($0); sub(/:.*/, "", name); value = $0; sub(/^[^:]*:[ \t]*/, "", value); add(value) }
      END { flush() }' "$file" >> "$apt_dir/entries"
  done
  awk -F '\t' '
    $2 !~ /(^| )main( |$)/ { next }
    $3 ~ /signed-by=/ && $3 !~ /debian-archive/ { next }
    $1 ~ /^(bullseye|bookworm|trixie|forky|sid|unstable|testing|stable|oldstable)(-updates)?$/ {
      print "main\t" $3 "\t" $4
    }
    $1 ~ /^(bullseye|bookworm|trixie|forky|testing|stable|oldstable)-security$/ {
      print "security\t" $3 "\t" $4
    }' "$apt_dir/entries" | sort -u
}

# Writes sources.list.d, one file per suite, so that a suite which the mirror lacks can be left out.
write_sources() {
  local suite kind options uri number=0
  rm -rf "$apt_dir/parts"
  mkdir -p "$apt_dir/parts"
  if [ -n "${BELAY_DEBIAN_MIRROR:-}" ]; then
    options=''
    [ -f "$debian_keyring" ] && options="signed-by=$debian_keyring"
    printf 'main\t%s\t%s\n' "$options" "$BELAY_DEBIAN_MIRROR"
  else
    debian_entries
  fi > "$apt_dir/mirrors"
  [ -s "$apt_dir/mirrors" ] || {
    echo "no Debian mirror among this machine's apt sources; set BELAY_DEBIAN_MIRROR" >&2
    return 1
  }
  # A tab is white space for read, and would swallow an empty field.
  tr '\t' '|' < "$apt_dir/mirrors" > "$apt_dir/mirrors.bar"
  while IFS='|' read -r kind options uri; do
    number=$((number + 1))
    for suite in $apt_suites; do
      if [ "$kind" = security ]; then
        echo "deb-src [$options ] $uri $suite-security main" > "$apt_dir/parts/$number-$suite-security.list"
      else
        echo "deb-src [$options ] $uri $suite main" > "$apt_dir/parts/$number-$suite.list"
        echo "deb-src [$options ] $uri $suite-updates main" > "$apt_dir/parts/$number-$suite-updates.list"
      fi
    done
  done < "$apt_dir/mirrors.bar"
  sed -i 's/\[ *\] //' "$apt_dir/parts"/*.list
}

# private_apt COMMAND ARGUMENTS...: apt-get or apt-cache with the private configuration.
private_apt() {
  local command=$1 sources=$apt_dir/parts
  shift
  APT_CONFIG="$apt_dir/apt.conf" "$command" -o Dir::Etc::sourceparts="${apt_sources:-$sources}" "$@"
}

# Makes the private configuration and reads the indexes.
prepare_apt() {
  mkdir -p "$apt_dir/lists/partial" "$apt_dir/cache/archives/partial"
  # The machine's settings (proxies and such) less its hooks, which are not for an ordinary user.
  {
    apt-config dump | grep -vE '^(APT::Update::(Pre|Post)-Invoke|DPkg::|Dir::|Dir |APT::Sandbox::User)'
    cat << END
Dir "/";
Dir::Etc "etc/apt/";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::trusted "/etc/apt/trusted.gpg";
Dir::Etc::trustedparts "/etc/apt/trusted.gpg.d/";
Dir::State::lists "$apt_dir/lists/";
Dir::Cache "$apt_dir/cache/";
APT::Sandbox::User "root";
Acquire::Retries "2";
Acquire::http::Timeout "60";
END
  } > "$apt_dir/apt.conf"
  write_sources
  local part try alone ok=no
  for try in 1 2 3; do
    if private_apt apt-get -o APT::Update::Error-Mode=any update; then ok=yes; break; fi
  done
  if [ "$ok" = no ]; then
    # Some suite is missing or unreachable: find out which, and go on without.
    alone=$apt_dir/alone
    for part in "$apt_dir/parts"/*.list; do
      rm -rf "$alone"
      mkdir -p "$alone"
      cp "$part" "$alone/"
      apt_sources=$alone private_apt apt-get -o APT::Update::Error-Mode=any \
        -o APT::Get::List-Cleanup=false update || {
        echo "deps-note: without $(basename "$part" .list | sed 's/^[0-9]*-//'): its index cannot be read"
        rm "$part"
      }
    done
    ls "$apt_dir/parts"/*.list > /dev/null
    private_apt apt-get update
  fi
}

# fetch_source PACKAGE VERSION SERIES FOLDER: unpacks the source into FOLDER/source and writes FOLDER/version.
# The wanted version first; if the mirror's pool lacks it, the others of the series, the newest first.
fetch_source() {
  local name=$1 wanted=$2 series=$3 into=$4 candidate try log
  local others
  others=$(private_apt apt-cache showsrc "$name" | awk -v series="$series" -v wanted="$wanted" \
    '$1 == "Version:" && index($2, series) == 1 && $2 != wanted { print $2 }' | sort -uVr)
  mkdir -p "$into/download"
  cd "$into/download"
  log=$into/download.log
  for candidate in "$wanted" $others; do
    for try in 1 2 3; do
      if private_apt apt-get -q --only-source source --download-only "$name=$candidate" > "$log" 2>&1; then
        cat "$log"
        dpkg-source --no-check -x "${name}_${candidate#*:}.dsc" "$into/source"
        echo "$candidate" > "$into/version"
        [ "$candidate" = "$wanted" ] || echo "deps-note: $name $wanted is not to be had, took $candidate"
        return 0
      fi
      cat "$log"
      # A version that is not there stays so; anything else (a time-out) is tried again.
      grep -qE '404|Unable to find a source package|Can not find version' "$log" && break
    done
  done
  echo "no version of $name could be fetched: $wanted" $others >&2
  return 1
}
