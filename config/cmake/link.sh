#!/bin/bash
# Runs a link command. A warning of the linker fails the build, but for those listed here.
#
# Whitelisted: glibc says of its name service functions that a static program needs the shared libraries of
# the same glibc at run time. Ours does not: it tells glibc to use "files" and "dns" only, before the first
# look-up (__nss_configure_lookup), and both are linked in. Poco's dlopen is reached by no code of ours.
set -u
output=$("$@" 2>&1)
status=$?
known='Using .(getaddrinfo|gethostbyname|gethostbyaddr|gethostbyname2|getnameinfo|getservbyname|getservbyport|getprotobyname|getpwnam|getpwnam_r|getpwuid|getpwuid_r|getgrnam|getgrnam_r|getgrgid|getgrgid_r|getgrouplist|initgroups|getpwent|getgrent|setpwent|endpwent|dlopen). in statically linked applications requires'
# The line before such a warning only says in which function it is.
left=$(printf '%s\n' "$output" | awk -v known="$known" '
  $0 ~ known { held = ""; next }
  held != "" { print held; held = "" }
  /: in function / { held = $0; next }
  $0 != "" { print }
  END { if (held != "") print held }')
[ -z "$left" ] || printf '%s\n' "$left" >&2
if [ "$status" = 0 ] && printf '%s\n' "$left" | grep -q 'warning:'; then
  echo "link.sh: linker warnings are errors" >&2
  exit 1
fi
exit "$status"
