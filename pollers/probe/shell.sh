# The probe for hosts without Python. It reads what Linux says of itself and sends it as it is;
# Rollcall makes sense of it. It writes no file, and ends when its input ends.
# One line in ("poll <nonce>", "minute <nonce>" and so on), one frame out:
#   ROLLCALL <nonce> <length> <kind of sum>:<sum>
# What may take long or hang answers by itself, so that the next line is never held up.

n='
'
mark=/proc/sys/kernel/ostype # says "Linux": the line between two files
PATH=$PATH:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
cd /

if command -v sha256sum; then sum=sha256sum
elif command -v cksum; then sum=cksum
else sum=
fi >/dev/null 2>&1

frame() { # nonce, text
  digest=
  if test -n "$sum"; then
    digest=$(printf %s "$2" | $sum)
    digest=${digest%%[ -]*}
  fi
  printf '\nROLLCALL %s %s %s:%s\n%s\n' "$1" "${#2}" "${sum:-none}" "$digest" "$2"
}

poll() {
  nonce=$1
  set -- /proc/[0-9]*
  test -e /proc/1/stat && all=1 || all=0
  text=$(exec cat /proc/stat $mark /proc/meminfo $mark /proc/loadavg $mark /proc/uptime $mark \
    /proc/diskstats $mark /proc/net/dev $mark /proc/vmstat $mark /proc/sys/fs/file-nr $mark \
    /proc/pressure/cpu $mark /proc/pressure/memory $mark /proc/pressure/io $mark \
    /proc/net/snmp $mark /proc/net/netstat $mark /proc/net/sockstat $mark \
    /proc/sys/kernel/random/boot_id $mark /proc/$$/stat 2>/dev/null)
  frame "$nonce" "${EPOCHREALTIME:-0} $# $all$n$text"
}

minute() {
  frame "$1" "$(
    cat /proc/self/mountinfo
    echo "= $1"
    cat /proc/sys/kernel/pid_max /proc/sys/kernel/threads-max
    echo "= $1"
    grep '' /dev/null /sys/class/hwmon/hwmon*/name /sys/class/hwmon/hwmon*/temp*_label /sys/class/hwmon/hwmon*/temp*_input
    echo "= $1"
    grep ' 0A ' /proc/net/tcp
    echo "= $1"
    grep ' 0A ' /proc/net/tcp6
    echo "= $1"
    grep ' 07 ' /proc/net/udp
    echo "= $1"
    grep ' 07 ' /proc/net/udp6
    echo "= $1"
    who
    echo "= $1"
    if test -d /run/systemd/timesync; then test -e /run/systemd/timesync/synchronized && echo 1 || echo 0; fi
    echo "= $1"
    command -v chronyc >/dev/null && chronyc -n -c tracking
    echo "= $1"
    cat /proc/$$/status
  )"
}

disks() { # nonce, mounts
  nonce=$1
  shift
  frame "$nonce" "$(
    df -P -k "$@"
    echo "= $nonce"
    df -P -i "$@"
  )"
}

units() {
  frame "$1" "$(
    test -d /run/systemd/system && systemctl list-units --failed --plain --no-legend --no-pager && echo done
    echo "= $1"
    test -d /run/systemd/system && systemctl show --no-pager --property=Id,LastTriggerUSec,NextElapseUSecRealtime,Result '*.timer'
  )"
}

processes() {
  nonce=$1
  set -- /proc/[0-9]*/stat
  test $# -le 3000 && frame "$nonce" "$(exec cat "$@")" || frame "$nonce" ''
}

hour() {
  frame "$1" "$(
    if test -e /run/reboot-required || test -e /var/run/reboot-required; then echo 1
    elif test -d /etc/apt; then echo 0; fi
    echo "= $1"
    cat /proc/sys/kernel/osrelease
    for file in /boot/vmlinuz-[0-9]* /lib/modules/[0-9]*; do
      test -e "$file" && file=${file##*/} && echo "${file#vmlinuz-}"
    done
    echo "= $1"
    command -v apt-get >/dev/null && nice -n 19 apt-get --simulate -qq -o Debug::NoLocking=1 \
      -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= upgrade && echo done
    echo "= $1"
    command -v apk >/dev/null && nice -n 19 apk version -l '<' && echo done
  )"
}

facts() {
  frame "$1" "$(
    cat /proc/sys/kernel/hostname
    echo "= $1"
    cat /proc/sys/kernel/osrelease
    echo "= $1"
    uname -m
    echo "= $1"
    cat /etc/os-release || cat /usr/lib/os-release
    echo
    echo "= $1"
    sed 40q /proc/cpuinfo
    echo "= $1"
    cat /run/systemd/container
    echo
    echo "= $1"
    test -e /.dockerenv && echo docker
    echo "= $1"
    cat /sys/class/dmi/id/sys_vendor /sys/class/dmi/id/product_name
  )"
}

# Leave when nobody has asked for ten minutes, where this shell can tell.
patience=600
(read -r -t 1 line) </dev/null >/dev/null 2>&1
test $? -lt 2 || patience=

printf '\nROLLCALL STARTED sh\n'

while read -r ${patience:+-t} $patience word nonce rest; do
  case $word in
  poll) poll "$nonce" 2>/dev/null </dev/null ;;
  minute | units | processes | hour | facts) $word "$nonce" 2>/dev/null </dev/null & ;;
  disks)
    set --
    while test $# -lt "$rest" && IFS= read -r line; do set -- "$@" "$line"; done
    disks "$nonce" "$@" 2>/dev/null </dev/null &
    ;;
  esac
done

# What may still hang in a dead mount goes too, where the process group is our own.
read -r pid name state parent group rest <"/proc/$$/stat"
trap '' TERM
test "$group" != $$ || kill -s TERM 0
exit 0
