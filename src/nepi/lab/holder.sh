# Holds the hosts' disks, so that they outlive a reboot of the host, and ends when it is told or, if tied, when who made the lab ends.
# sh holder.sh SIZE_BYTES NAME...
set -eu
umask 022
size=$1
shift
mount -t tmpfs -o mode=755 nepi-lab /run
for name in "$@"; do
    mkdir "/run/$name"
    mount -t tmpfs -o "mode=755,size=$size" "nepi-lab-$name" "/run/$name"
    mkdir "/run/$name/upper" "/run/$name/work" "/run/$name/root" "/run/$name/home" "/run/$name/superuser" "/run/$name/tmp"
done
echo here
read -r how
[ "$how" = tied ] && exec cat >/dev/null 2>&1
exec sleep infinity </dev/null >/dev/null 2>&1
